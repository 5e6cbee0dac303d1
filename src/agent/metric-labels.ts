// Completes the labels of Istio's metrics with what Envoy does not say: its own workload, the parts of a service's name, the
// namespace in an identity.
import type { TelemetryIdentity } from '../lib/telemetry-identity.ts';

const LABELS = /^(istio_[a-z_]+)\{(.*)\} (\S+.*)$/;
const LABEL = /([A-Za-z0-9_]+)="((?:[^"\\]|\\.)*)",?/g;

/**
 * `destination_service="outbound|80||a.b.svc.cluster.local"` becomes the host, `destination_service_name` and
 * `_namespace`; the reporter's side is `own`; the other side's namespace comes from its SPIFFE id; what nobody knows is
 * `unknown`. Other lines pass.
 */
export function completeLabels(line: string, own?: TelemetryIdentity): string {
  const found = LABELS.exec(line);
  if (!found) return line;
  const labels = new Map<string, string>();
  for (const [, name, value] of found[2]!.matchAll(LABEL)) labels.set(name!, value!);
  const reporter = labels.get('reporter');
  if (reporter === undefined) return line;
  const service = serviceHost(labels.get('destination_service') ?? '');
  labels.set('destination_service', service || 'unknown');
  const [name = '', namespace = '', kind = ''] = service.split('.');
  labels.set('destination_service_name', (kind === 'svc' ? name : service) || 'unknown');
  labels.set('destination_service_namespace', kind === 'svc' ? namespace : 'unknown');
  for (const side of ['source', 'destination']) {
    const facts = side === reporter && own ? own : other(side, labels, kind === 'svc' ? namespace : 'unknown');
    for (const [fact, label] of FACTS) {
      if (!labels.get(`${side}_${label}`)) labels.set(`${side}_${label}`, facts[fact] ?? 'unknown');
    }
    if (!labels.get(`${side}_principal`)) labels.set(`${side}_principal`, 'unknown');
  }
  const text = [...labels].map(([label, value]) => `${label}="${value}"`).join(',');
  return `${found[1]}{${text}} ${found[3]}`;
}

const FACTS: readonly (readonly [keyof TelemetryIdentity, string])[] = [
  ['workload', 'workload'],
  ['namespace', 'workload_namespace'],
  ['app', 'app'],
  ['version', 'version'],
  ['canonicalService', 'canonical_service'],
  ['canonicalRevision', 'canonical_revision'],
  ['cluster', 'cluster'],
];

/** The other side of a connection: its certificate says the namespace, else the service that was called does. */
function other(side: string, labels: ReadonlyMap<string, string>, called: string): Partial<TelemetryIdentity> {
  const identity = /\/ns\/([^/]+)\/sa\//.exec(labels.get(`${side}_principal`) ?? '');
  return { namespace: identity?.[1] ?? (side === 'destination' ? called : 'unknown') };
}

/** Host in a cluster's name; names that stand for no service (`PassthroughCluster`) stay. */
function serviceHost(cluster: string): string {
  const parts = cluster.split('|');
  return parts.length === 4 ? parts[3]! : cluster;
}
