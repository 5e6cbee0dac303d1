// Runs steps one after another for a person who watches: elapsed time on each, a log of everything, and on failure the
// command, the last lines and where the rest is.
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Run under a terminal and answer `y` when asked to proceed, as a reader of the guide does. */
  readonly terminal?: boolean;
  /** Show the output as it comes, indented. */
  readonly show?: boolean;
  /** What it says on standard error is part of the result. */
  readonly errors?: boolean;
  readonly timeoutMs?: number;
}

/** A command that did not succeed; `lines` are the last ones it printed. */
export class CommandFailed extends Error {
  readonly command: string;
  readonly lines: readonly string[];
  constructor(command: string, code: number | string, lines: readonly string[]) {
    super(`exit status ${code}: ${command}`);
    this.command = command;
    this.lines = lines;
  }
}

const ERASE_LINE = '\x1b[2K';

const dim = (s: string) => (process.stdout.isTTY ? `\x1b[2m${s}\x1b[0m` : s);

export class Runner {
  readonly logPath: string;
  readonly #started = performance.now();
  readonly #write: (text: string) => void;

  constructor(logPath: string, write: (text: string) => void = (text) => process.stdout.write(text)) {
    this.logPath = logPath;
    this.#write = write;
    mkdirSync(dirname(logPath), { recursive: true });
    writeFileSync(logPath, '');
  }

  /** Seconds since the runner was made. */
  get elapsed(): number {
    return (performance.now() - this.#started) / 1000;
  }

  say(text = ''): void {
    this.#write(`${text}\n`);
    appendFileSync(this.logPath, `${text}\n`);
  }

  /** Runs one titled step; rethrows its failure after showing it. */
  async step<T>(title: string, work: () => Promise<T>): Promise<T> {
    const begun = performance.now();
    this.say(`[${this.elapsed.toFixed(0).padStart(4)} s] ${title}`);
    try {
      const value = await work();
      this.say(dim(`         done in ${((performance.now() - begun) / 1000).toFixed(1)} s`));
      return value;
    } catch (error) {
      this.say(`         FAILED after ${((performance.now() - begun) / 1000).toFixed(1)} s: ${title}`);
      if (error instanceof CommandFailed) {
        this.say(`         command: ${error.command}`);
        for (const line of error.lines) this.say(`         | ${line}`);
      } else this.say(`         ${error instanceof Error ? error.message : String(error)}`);
      this.say(`         log: ${this.logPath}`);
      throw error;
    }
  }

  /**
   * Runs a command and returns what it printed on standard output.
   * @throws CommandFailed when it ends with another status than 0 or overstays `timeoutMs` (default 10 minutes).
   */
  async command(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
    const [file = '', ...args] = options.terminal ? ['script', '-qefc', argv.map(quote).join(' '), '/dev/null'] : argv;
    const shown = argv.map(quote).join(' ');
    appendFileSync(this.logPath, `$ ${shown}\n`);
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: [options.terminal ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 600_000,
    });
    let out = '';
    let all = '';
    let pending = '';
    const take = (chunk: Buffer, isOut: boolean) => {
      const text = chunk.toString();
      appendFileSync(this.logPath, text);
      if (isOut) out += text;
      all = (all + text).slice(-20_000);
      if (options.terminal && /\(y\/N\)\s*$/i.test(stripVTControlCharacters(all))) child.stdin?.write('y\n');
      if (!options.show) return;
      const lines = (pending + text).split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) this.#write(`         ${settled(line)}\n`);
    };
    child.stdout?.on('data', (c: Buffer) => take(c, true));
    child.stderr?.on('data', (c: Buffer) => take(c, options.errors === true));
    const code = await new Promise<number | string>((resolve) => {
      child.on('error', (e) => resolve(e.message));
      child.on('close', (c, signal) => resolve(c ?? signal ?? 'unknown'));
    });
    child.stdin?.destroy();
    if (options.show && pending) this.#write(`         ${settled(pending)}\n`);
    // What was shown as it came need not be shown again.
    const lines = options.show ? [] : all.trimEnd().split('\n').slice(-20);
    if (code !== 0) throw new CommandFailed(shown, code, lines.map(settled));
    return out;
  }
}

/** What a terminal shows in the end of a line that was drawn over: only the last drawing, no cursor movements. */
function settled(line: string): string {
  const drawings = line.replace(/\r+$/, '').replaceAll(ERASE_LINE, '\r').split('\r');
  return stripVTControlCharacters(drawings.at(-1) ?? '');
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
