// Names of outbound resources: Istio's, because tools, dashboards and EnvoyFilters look for them.

export const BLACK_HOLE = 'BlackHoleCluster';
export const PASSTHROUGH = 'PassthroughCluster';
export const VIRTUAL_OUTBOUND = 'virtualOutbound';
export const OUTBOUND_CAPTURE_PORT = 15001;

export interface OutboundName {
  readonly port: number;
  /** '' for the service as a whole. */
  readonly subset: string;
  readonly host: string;
}

/** Cluster and endpoint set: `outbound|80|v1|reviews.default.svc.cluster.local`. */
export function outboundCluster({ port, subset, host }: OutboundName): string {
  return `outbound|${port}|${subset}|${host}`;
}

/** The parts of an outbound cluster's name; undefined for any other name. */
export function parseOutboundCluster(name: string): OutboundName | undefined {
  const parts = name.split('|');
  if (parts.length !== 4 || parts[0] !== 'outbound') return undefined;
  const port = Number(parts[1]);
  return Number.isInteger(port) && port > 0 ? { port, subset: parts[2]!, host: parts[3]! } : undefined;
}

/** Server name that tells another proxy of the mesh which service is meant: `outbound_.80_.v1_.host`. */
export function outboundSni({ port, subset, host }: OutboundName): string {
  return `outbound_.${port}_.${subset}_.${host}`;
}
