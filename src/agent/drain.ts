// Taking a proxy out of service: tell clients to go elsewhere, give requests time to end, then stop.
import type { Clock } from '../lib/clock.ts';
import { type AdminOptions, callAdmin } from './envoy-admin.ts';
import type { Logger } from './log.ts';

export interface DrainOptions {
  readonly admin: AdminOptions;
  readonly type: 'sidecar' | 'router';
  readonly clock: Clock;
  readonly log: Logger;
  /** Milliseconds to serve on before Envoy is stopped. */
  readonly duration: number;
  /** Stop as soon as nothing is connected any more, but not before `minimum` milliseconds. */
  readonly exitOnZeroConnections: boolean;
  readonly minimum: number;
  /** Aborts the wait: Envoy is gone, or there was a second signal. */
  readonly signal: AbortSignal;
}

/**
 * Asks Envoy to discourage new work. A sidecar drains inbound only: its app may still need to call out while it ends.
 * Failures are logged, not thrown, since whoever drains is about to stop anyway.
 */
export async function startDraining(options: Pick<DrainOptions, 'admin' | 'type' | 'log'>): Promise<void> {
  const scope = options.type === 'sidecar' ? 'inboundonly&' : '';
  await callAdmin({ method: 'POST', path: `/drain_listeners?${scope}graceful&skip_exit` }, options.admin).then(
    ({ status, body }) => {
      if (status !== 200) options.log.warn('Envoy refused to drain', { status, body: body.trim() });
    },
    (error: Error) => options.log.warn(`cannot drain Envoy: ${error.message}`),
  );
}

/** Drains and waits; resolves when Envoy may be stopped. */
export async function drain(options: DrainOptions): Promise<void> {
  const { clock, log, signal } = options;
  await startDraining(options);
  if (!options.exitOnZeroConnections) {
    log.info('draining', { seconds: options.duration / 1000 });
    await clock.sleep(options.duration, signal).catch(() => {});
    return;
  }
  log.info('draining until no connection is left', { minimumSeconds: options.minimum / 1000 });
  await clock.sleep(options.minimum, signal).catch(() => {});
  while (!signal.aborted) {
    const open = await activeConnections(options.admin).catch(() => 0);
    if (open === 0) return;
    log.debug('waiting for connections to close', { open });
    await clock.sleep(1000, signal).catch(() => {});
  }
}

/** Connections that listeners still serve, not counting the admin port and the probe and metrics listeners. */
async function activeConnections(admin: AdminOptions): Promise<number> {
  const { body } = await callAdmin({ path: '/stats?usedonly&filter=downstream_cx_active$' }, admin);
  return activeConnectionsFromStats(body);
}

/** Exported for its test. */
export function activeConnectionsFromStats(text: string): number {
  let total = 0;
  for (const line of text.split('\n')) {
    const match = /^listener\.(.+)\.downstream_cx_active: (\d+)$/.exec(line);
    if (!match || /^admin|worker_|(^|[_.:])(15021|15090)$/.test(match[1]!)) continue;
    total += Number(match[2]);
  }
  return total;
}
