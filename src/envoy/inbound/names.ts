// Names of inbound resources: Istio's, because tools and dashboards look for them.

export const INBOUND_PASSTHROUGH = 'InboundPassthroughCluster';
export const VIRTUAL_INBOUND = 'virtualInbound';
export const INBOUND_CAPTURE_PORT = 15006;

/** Cluster and route table of a port that the workload serves. */
export const inboundCluster = (port: number): string => `inbound|${port}||`;
