// Completes the labels of Istio's metrics with what Envoy cannot split: service names and the namespace in an identity.

const LABELS = /^(istio_[a-z_]+)\{(.*)\} (\S+.*)$/;
const LABEL = /([A-Za-z0-9_]+)="((?:[^"\\]|\\.)*)",?/g;

/**
 * `destination_service="outbound|80||a.b.svc.cluster.local"` becomes the host, `destination_service_name` and
 * `_namespace`; the other side's namespace comes from its SPIFFE id; what nobody knows is `unknown`. Other lines pass.
 */
export function completeLabels(line: string): string {
  const found = LABELS.exec(line);
  if (!found) return line;
  const labels = new Map<string, string>();
  for (const [, name, value] of found[2]!.matchAll(LABEL)) labels.set(name!, value!);
  if (!labels.has('reporter')) return line;
  const service = serviceHost(labels.get('destination_service') ?? '');
  labels.set('destination_service', service || 'unknown');
  const [name = '', namespace = '', kind = ''] = service.split('.');
  labels.set('destination_service_name', (kind === 'svc' ? name : service) || 'unknown');
  labels.set('destination_service_namespace', kind === 'svc' ? namespace : 'unknown');
  for (const side of ['source', 'destination']) {
    const identity = /\/ns\/([^/]+)\/sa\//.exec(labels.get(`${side}_principal`) ?? '');
    const known = identity?.[1] ?? (side === 'destination' && kind === 'svc' ? namespace : 'unknown');
    for (const fact of FACTS) if (!labels.get(`${side}_${fact}`)) labels.set(`${side}_${fact}`, 'unknown');
    if (labels.get(`${side}_workload_namespace`) === 'unknown') labels.set(`${side}_workload_namespace`, known);
  }
  const text = [...labels].map(([label, value]) => `${label}="${value}"`).join(',');
  return `${found[1]}{${text}} ${found[3]}`;
}

const FACTS = [
  'workload',
  'workload_namespace',
  'principal',
  'app',
  'version',
  'canonical_service',
  'canonical_revision',
  'cluster',
];

/** Host in a cluster's name; names that stand for no service (`PassthroughCluster`) stay. */
function serviceHost(cluster: string): string {
  const parts = cluster.split('|');
  return parts.length === 4 ? parts[3]! : cluster;
}
