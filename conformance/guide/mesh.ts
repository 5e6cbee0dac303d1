// A lab with the guide carried out in it, and the few things that the tests ask of it.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildImages } from '../../images/build.ts';
import { labDown, labLoadImage, labUp } from '../../lab/api.ts';
import { kubeconfigPath } from '../../lab/paths.ts';
import { Runner } from '../../src/cli/demo/runner.ts';
import { parseScript } from '../../src/cli/demo/script.ts';

const root = join(import.meta.dirname, '../..');

export type Context = 'cluster1' | 'cluster2';
export const contexts: readonly Context[] = ['cluster1', 'cluster2'];

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Mesh extends AsyncDisposable {
  readonly name: string;
  /** Runs the script's blocks in order, on a terminal, exactly as written. */
  runScript(file: string): Promise<void>;
  runBlock(file: string, title: string): Promise<void>;
  /** Runs a command with the lab's kubeconfig; never throws for its exit status. */
  run(argv: readonly string[], options?: { input?: string; timeoutMs?: number }): Promise<Result>;
  /** Runs a command that must succeed and returns its standard output. */
  ok(argv: readonly string[], options?: { input?: string; timeoutMs?: number }): Promise<string>;
  kubectl(context: Context, ...args: string[]): Promise<string>;
  istioctl(context: Context, ...args: string[]): Promise<string>;
  /** A shell command in the sleep pod of a cluster. */
  sleep(context: Context, script: string): Promise<Result>;
  /** Starts a command and leaves it running. */
  start(argv: readonly string[]): ChildProcess;
}

/** Starts a lab, loads the images and returns it; the guide has not been run yet. */
export async function startMesh(name: string): Promise<Mesh> {
  const scratch = mkdtempSync(join(tmpdir(), `isthmus-${name}-`));
  const setup = new Runner(join(scratch, 'log'), () => undefined);
  symlinkSync(join(root, 'samples'), join(scratch, 'samples'));
  const [plan, images] = await Promise.all([labUp({ name, clusters: 2 }), buildImages({})]);
  for (const { tar } of images) await labLoadImage(name, tar);
  const env = {
    ...process.env,
    KUBECONFIG: kubeconfigPath(plan.dir),
    CTX_CLUSTER1: 'cluster1',
    CTX_CLUSTER2: 'cluster2',
    PATH: `${join(root, 'bin')}:${process.env.PATH}`,
  };
  const run: Mesh['run'] = (argv, { input, timeoutMs = 120_000 } = {}) =>
    new Promise((resolve) => {
      const [file = '', ...args] = argv;
      const child = execFile(
        file,
        args,
        { env, cwd: scratch, timeout: timeoutMs, maxBuffer: 64 << 20 },
        (error, stdout, stderr) =>
          resolve({ code: error ? (typeof error.code === 'number' ? error.code : 1) : 0, stdout, stderr }),
      );
      child.stdin?.end(input ?? '');
    });
  const ok: Mesh['ok'] = async (argv, options) => {
    const result = await run(argv, options);
    if (result.code !== 0)
      throw new Error(`${argv.join(' ')}: exit ${result.code}\n${result.stdout}\n${result.stderr}`);
    return result.stdout;
  };
  const blocks = (file: string) => parseScript(readFileSync(join(root, 'samples/primary-remote', file), 'utf8'));
  const runCommands = async (commands: string) => {
    writeFileSync(
      join(scratch, 'block.sh'),
      `set -euo pipefail\n[ ! -f exported.sh ] || . ./exported.sh\n${commands}\n` +
        `declare -px | grep '^declare -x DISCOVERY_' > exported.sh || true\n`,
    );
    await setup.command(['bash', 'block.sh'], { cwd: scratch, env, terminal: true });
  };
  return {
    name,
    run,
    ok,
    async runScript(file) {
      for (const block of blocks(file)) await runCommands(block.commands);
    },
    async runBlock(file, title) {
      const block = blocks(file).find((b) => b.title === title);
      if (!block) throw new Error(`${file} has no block '${title}'`);
      await runCommands(block.commands);
    },
    kubectl: (context, ...args) => ok(['kubectl', `--context=${context}`, ...args]),
    istioctl: (context, ...args) => ok(['istioctl', `--context=${context}`, ...args]),
    sleep: (context, script) =>
      run([
        'kubectl',
        `--context=${context}`,
        'exec',
        '-n',
        'sample',
        'deploy/sleep',
        '-c',
        'sleep',
        '--',
        'sh',
        '-c',
        script,
      ]),
    start: ([file = '', ...args]) => spawn(file, args, { env, cwd: scratch, stdio: ['ignore', 'pipe', 'pipe'] }),
    async [Symbol.asyncDispose]() {
      await labDown(name);
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

/**
 * Asks until the answer satisfies, as a person would who watches something settle.
 * @throws with the last answer when it does not within `timeoutMs`.
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T>,
  satisfies: (value: T) => boolean,
  timeoutMs = 60_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await ask();
    if (satisfies(value)) return value;
    if (Date.now() > end) throw new Error(`${what}: still ${JSON.stringify(value)} after ${timeoutMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
