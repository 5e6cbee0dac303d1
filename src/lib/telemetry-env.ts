// How the metrics of a proxy say whose they are: variables in Envoy's environment, set by the agent, read by its loggers.
//
// Configuration is shared by all proxies of a class, so it cannot name the workload; Envoy puts a variable's value in
// when it loads a format, which costs nothing per request.

export interface TelemetryIdentity {
  readonly workload: string;
  readonly namespace: string;
  readonly app: string;
  readonly version: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
  readonly cluster: string;
}

/** Variable of each fact. */
export const TELEMETRY_ENV: Readonly<Record<keyof TelemetryIdentity, string>> = {
  workload: 'ISTHMUS_WORKLOAD',
  namespace: 'ISTHMUS_NAMESPACE',
  app: 'ISTHMUS_APP',
  version: 'ISTHMUS_VERSION',
  canonicalService: 'ISTHMUS_CANONICAL_SERVICE',
  canonicalRevision: 'ISTHMUS_CANONICAL_REVISION',
  cluster: 'ISTHMUS_CLUSTER',
};

export interface TelemetrySource {
  readonly workload: string;
  readonly namespace: string;
  readonly cluster: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Environment for Envoy; what is not known is `unknown`, as in Istio's metrics. */
export function telemetryEnvironment({
  workload,
  namespace,
  cluster,
  labels,
}: TelemetrySource): Record<string, string> {
  const label = (...names: string[]) => names.map((name) => labels[name]).find(Boolean);
  const identity: Record<keyof TelemetryIdentity, string | undefined> = {
    workload,
    namespace,
    cluster,
    app: label('app', 'app.kubernetes.io/name'),
    version: label('version', 'app.kubernetes.io/version'),
    canonicalService: label('service.istio.io/canonical-name', 'app.kubernetes.io/name', 'app') ?? workload,
    canonicalRevision: label('service.istio.io/canonical-revision', 'app.kubernetes.io/version', 'version') ?? 'latest',
  };
  return Object.fromEntries(
    Object.entries(identity).map(([fact, value]) => [
      TELEMETRY_ENV[fact as keyof TelemetryIdentity],
      value || 'unknown',
    ]),
  );
}
