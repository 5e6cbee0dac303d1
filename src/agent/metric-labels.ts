// Completes the labels of Istio's metrics with what Envoy does not say: its own workload, the parts of a service's name, the
// other side's workload from its text, the namespace in an identity.
import { type TelemetryIdentity, UNKNOWN } from '../lib/telemetry-identity.ts';
import { readWorkload, serviceOf } from '../lib/workload-text.ts';

const LABELS = /^(istio_[a-z_]+)\{(.*)\} (\S+.*)$/;
const LABEL = /([A-Za-z0-9_]+)="((?:[^"\\]|\\.)*)",?/g;

type Labels = Map<string, string>;

/**
 * `destination_service="outbound|80||a.b.svc.cluster.local"` becomes the host, `destination_service_name` and
 * `_namespace`; the reporter's side is `own`; the other side is what its text says, in the namespace of its SPIFFE id; what
 * nobody knows is `unknown`. Other lines pass.
 */
export function completeLabels(line: string, own?: TelemetryIdentity): string {
  const found = LABELS.exec(line);
  if (!found) return line;
  const labels: Labels = new Map();
  for (const [, name, value] of found[2]!.matchAll(LABEL)) labels.set(name!, value!);
  const reporter = labels.get('reporter');
  if (reporter === undefined) return line;
  const host = serviceHost(labels.get('destination_service') ?? '');
  const { service, namespace } = serviceOf(host);
  labels.set('destination_service', host || UNKNOWN);
  labels.set('destination_service_name', service || UNKNOWN);
  labels.set('destination_service_namespace', namespace || UNKNOWN);
  for (const side of ['source', 'destination'] as const) {
    const facts = side === reporter && own ? own : side === 'source' ? caller(labels) : called(labels);
    for (const [fact, label] of FACTS) labels.set(`${side}_${label}`, labelValue(facts[fact] ?? UNKNOWN));
    if (!labels.get(`${side}_principal`)) labels.set(`${side}_principal`, UNKNOWN);
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

/** Of a workload of which nothing is said, as in Istio. */
const NOBODY: Partial<TelemetryIdentity> = { canonicalRevision: 'latest' };

/** The endpoint's text holds for the service that was called; without one the service's namespace is the best guess. */
function called(labels: Labels): Partial<TelemetryIdentity> {
  const { service, namespace } = serviceOf(labels.get('destination_service') ?? '');
  const cluster = labels.get('destination_cluster') ?? '';
  const said = readWorkload(labels.get('destination_workload') ?? '', { service, namespace, cluster });
  return {
    ...(said ?? { ...NOBODY, ...(namespace && { namespace }) }),
    ...provenNamespace(labels.get('destination_principal')),
  };
}

/** What the caller's sidecar says is believed of somebody whose certificate names the namespace. */
function caller(labels: Labels): Partial<TelemetryIdentity> {
  const proven = provenNamespace(labels.get('source_principal'));
  const text = proven.namespace ? (labels.get('source_workload') ?? '') : '';
  return { ...(readWorkload(text, { service: '', namespace: '', cluster: '' }) ?? NOBODY), ...proven };
}

function provenNamespace(principal = ''): Partial<TelemetryIdentity> {
  const namespace = /\/ns\/([^/]+)\/sa\//.exec(principal)?.[1];
  return namespace ? { namespace } : {};
}

/** Host in a cluster's name, also of those named by a server name; names that stand for no service (`PassthroughCluster`) stay. */
function serviceHost(cluster: string): string {
  const parts = cluster.split(cluster.startsWith('outbound_.') ? '_.' : '|');
  return parts.length === 4 ? parts[3]! : cluster;
}

/** As the exposition format has it. Lines are handled as bytes, so a character outside ASCII stands as the bytes of its UTF-8. */
function labelValue(value: string): string {
  const bytes = /^[ -~]*$/.test(value) ? value : Buffer.from(value).toString('latin1');
  return bytes.replace(/["\\\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`));
}
