// Runs a script's work in network and process namespaces of its own: nothing outside is touched, and nothing outlives it.
import { spawn } from 'node:child_process';

const INSIDE = '--inside';

/** Starts the script again inside; there, does the work. Resolves with the exit code. */
export async function inNamespaces(script: string, work: (args: readonly string[]) => Promise<void>): Promise<number> {
  const args = process.argv.slice(2);
  if (args[0] === INSIDE) {
    // What the script was called with, for its records.
    process.argv.splice(2, 1);
    await work(args.slice(1));
    process.exit(0);
  }
  const namespaces = ['--net', '--pid', '--mount-proc', '--fork', '--kill-child'];
  const node = [process.execPath, '--disable-warning=ExperimentalWarning'];
  const child = spawn('unshare', [...namespaces, ...node, script, INSIDE, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill('SIGKILL'));
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)));
}
