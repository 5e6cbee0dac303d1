// Whose metrics they are: what a proxy's metrics say about its own workload.
//
// Configuration is shared by all proxies of a class, so it cannot name the workload, and Envoy would format these labels for
// every request: the agent adds them when metrics are read.

export interface TelemetryIdentity {
  readonly workload: string;
  readonly namespace: string;
  readonly app: string;
  readonly version: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
  readonly cluster: string;
}

/** What all of several workloads are, their clusters apart; undefined when they differ in more, or there is none. */
export function commonIdentity(all: readonly TelemetryIdentity[]): TelemetryIdentity | undefined {
  const [first] = all;
  if (!first) return undefined;
  const { cluster, ...names } = first;
  const fields = Object.keys(names) as (keyof typeof names)[];
  if (!all.every((one) => fields.every((field) => one[field] === names[field]))) return undefined;
  return all.every((one) => one.cluster === cluster) ? first : { ...names, cluster: UNKNOWN };
}

export interface TelemetrySource {
  readonly workload: string;
  readonly namespace: string;
  readonly cluster: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The value of labels that nobody knows, as in Istio's metrics. */
export const UNKNOWN = 'unknown';

/** As Istio reads a pod's labels. What is not known is `unknown`, a revision `latest`. */
export function telemetryIdentity({ workload, namespace, cluster, labels }: TelemetrySource): TelemetryIdentity {
  const label = (...names: string[]) => names.map((name) => labels[name]).find(Boolean);
  return {
    workload: workload || UNKNOWN,
    namespace: namespace || UNKNOWN,
    cluster: cluster || UNKNOWN,
    app: label('app', 'app.kubernetes.io/name') ?? UNKNOWN,
    version: label('version', 'app.kubernetes.io/version') ?? UNKNOWN,
    canonicalService:
      label('service.istio.io/canonical-name', 'app.kubernetes.io/name', 'app') ?? (workload || UNKNOWN),
    canonicalRevision: label('service.istio.io/canonical-revision', 'app.kubernetes.io/version', 'version') ?? 'latest',
  };
}
