// `pilot-agent wait`: blocks until the proxy is ready; run by a postStart hook so that the app starts after it.
import { systemClock } from '../lib/clock.ts';
import { callAdmin } from './envoy-admin.ts';
import { splitFlags } from './options.ts';

/** Exit code 0 when ready, 1 after `--timeoutSeconds` (60). Flags as in Istio. */
export async function runWait(args: readonly string[]): Promise<number> {
  const { flags } = splitFlags(args);
  const url = new URL(flags.url ?? 'http://localhost:15021/healthz/ready');
  const timeout = Number(flags.timeoutSeconds ?? 60) * 1000;
  const period = Number(flags.periodMillis ?? 500);
  const end = systemClock.monotonic() + timeout;
  let last = 'not asked';
  do {
    last = await callAdmin(
      { path: url.pathname + url.search },
      { host: url.hostname, port: Number(url.port) || 80, timeout: Number(flags.requestTimeoutMillis ?? 500) },
    ).then(
      ({ status, body }) => (status === 200 ? '' : body.trim() || `status ${status}`),
      (error: Error) => error.message,
    );
    if (last === '') return 0;
    await systemClock.sleep(period);
  } while (systemClock.monotonic() < end);
  process.stderr.write(`the proxy was not ready after ${timeout / 1000} s: ${last}\n`);
  return 1;
}
