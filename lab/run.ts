// Runs a command to its end; a failure carries the command, its last lines and where the whole log is.
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';

/** How a command is run. */
export interface RunOptions {
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Text for the command's standard input. */
  readonly input?: string;
  /** File that gets all output, for commands whose output is long. */
  readonly log?: string;
  readonly signal?: AbortSignal;
  /** Called with each complete line of output. */
  readonly onLine?: (line: string) => void;
}

/** What a command that succeeded printed. */
export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that failed. */
export class CommandError extends Error {
  readonly command: string;
  readonly lastLines: string;
  readonly log: string | undefined;

  constructor(command: string, reason: string, lastLines: string, log: string | undefined) {
    super([`${reason}: ${command}`, lastLines, log && `whole log: ${log}`].filter(Boolean).join('\n'));
    this.name = 'CommandError';
    this.command = command;
    this.lastLines = lastLines;
    this.log = log;
  }
}

const KEPT_CHARACTERS = 4_000_000;

/** Runs `command` with `args`; resolves with its output, rejects with a {@link CommandError}. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { promise, resolve, reject } = Promise.withResolvers<RunResult>();
  const shown = [command, ...args]
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word)))
    .join(' ');
  const log = options.log ? createWriteStream(options.log, { flags: 'a' }) : undefined;
  log?.write(`$ ${shown}\n`);
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    signal: options.signal,
  });
  const output = { stdout: '', stderr: '' };
  let both = '';
  let line = '';
  for (const name of ['stdout', 'stderr'] as const) {
    const stream = child[name]!;
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output[name] = (output[name] + text).slice(-KEPT_CHARACTERS);
      both = (both + text).slice(-8000);
      log?.write(text);
      if (!options.onLine) return;
      const lines = (line + text).split('\n');
      line = lines.pop() ?? '';
      lines.forEach(options.onLine);
    });
  }
  // Whoever is told the log's path finds all of it there.
  const afterLog = (settle: () => void) => (log ? log.end(settle) : settle());
  const fail = (reason: string) =>
    afterLog(() => reject(new CommandError(shown, reason, lastLines(both), options.log)));
  child.on('error', (error) => fail(`could not run (${error.message})`));
  child.on('close', (code, signal) => {
    if (code !== 0) return fail(signal ? `ended by ${signal}` : `exit code ${code}`);
    afterLog(() => resolve(output));
  });
  // A command that ends without reading its input breaks the pipe; its exit code says what matters.
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input);
  return promise;
}

/** Like {@link run}, but a failure resolves to undefined: for clean-up and questions. */
export async function tryRun(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult | undefined> {
  try {
    return await run(command, args, options);
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

function lastLines(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .slice(-15)
    .map((line) => `    ${line}`)
    .join('\n')
    .trimEnd();
}
