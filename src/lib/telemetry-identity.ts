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

export interface TelemetrySource {
  readonly workload: string;
  readonly namespace: string;
  readonly cluster: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What is not known is `unknown`, as in Istio's metrics. */
export function telemetryIdentity({ workload, namespace, cluster, labels }: TelemetrySource): TelemetryIdentity {
  const label = (...names: string[]) => names.map((name) => labels[name]).find(Boolean);
  return {
    workload: workload || 'unknown',
    namespace: namespace || 'unknown',
    cluster: cluster || 'unknown',
    app: label('app', 'app.kubernetes.io/name') ?? 'unknown',
    version: label('version', 'app.kubernetes.io/version') ?? 'unknown',
    canonicalService:
      label('service.istio.io/canonical-name', 'app.kubernetes.io/name', 'app') ?? (workload || 'unknown'),
    canonicalRevision: label('service.istio.io/canonical-revision', 'app.kubernetes.io/version', 'version') ?? 'latest',
  };
}
