// Whether this proxy may receive traffic: Envoy has been given clusters and listeners, its workers run, and it is not draining.

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

/** Statistics the decision reads, as an Envoy `filter` expression. */
export const READINESS_STATS =
  '^(server\\.state|listener_manager\\.(workers_started|lds\\.update_(success|rejected))|cluster_manager\\.cds\\.update_(success|rejected))$';

/** Decides from the text of `/stats?filter=…`. A rejected update counts as received: an older good one is in force. */
export function readinessFromStats(text: string): Readiness {
  const stats = new Map<string, number>();
  for (const line of text.split('\n')) {
    const at = line.indexOf(': ');
    if (at > 0) stats.set(line.slice(0, at), Number(line.slice(at + 2)));
  }
  const count = (name: string) => stats.get(name) ?? 0;
  const received = (type: string) => count(`${type}.update_success`) + count(`${type}.update_rejected`) > 0;

  const missing: string[] = [];
  if (!received('cluster_manager.cds')) missing.push('clusters');
  if (!received('listener_manager.lds')) missing.push('listeners');
  if (missing.length > 0) {
    return {
      ready: false,
      reason: `config not received from the control plane (waiting for ${missing.join(' and ')})`,
    };
  }
  const state = stats.get('server.state');
  if (state !== 0) {
    return { ready: false, reason: `Envoy is not live: ${STATES[state ?? -1] ?? 'unknown state'}` };
  }
  if (count('listener_manager.workers_started') < 1) return { ready: false, reason: 'Envoy workers have not started' };
  return { ready: true };
}

const STATES: Readonly<Record<number, string>> = { 1: 'draining', 2: 'pre-initializing', 3: 'initializing' };
