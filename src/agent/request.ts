// `pilot-agent request METHOD PATH [BODY]`: calls Envoy's admin port, or another local port, from inside the container.
import { pipeline } from 'node:stream/promises';
import { openAdmin } from './envoy-admin.ts';
import { splitFlags } from './options.ts';

/** Prints the answer's body. Exit code 1 when the status is not 200, as in Istio. */
export async function runRequest(args: readonly string[]): Promise<number> {
  const { positional, flags } = splitFlags(args);
  const [method, path, body] = positional;
  if (!method || !path) {
    process.stderr.write('usage: pilot-agent request METHOD PATH [BODY] [--debug-port PORT]\n');
    return 2;
  }
  const port = Number(flags['debug-port'] ?? 15000);
  const call = { method: method.toUpperCase(), path: path.startsWith('/') ? path : `/${path}`, body };
  // A config dump is larger than this process should ever be, so it is passed on as it comes.
  const answer = await openAdmin(call, { host: flags['debug-host'] ?? 'localhost', port, timeout: 60_000 });
  await pipeline(answer, process.stdout, { end: false });
  if (answer.statusCode === 200) return 0;
  process.stderr.write(`${call.method} ${call.path}: status ${answer.statusCode}\n`);
  return 1;
}
