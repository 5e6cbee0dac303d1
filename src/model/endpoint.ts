// Where traffic can go: one instance of a workload, seen at one address and port.

/** What a client must speak to an endpoint: mutual TLS of the mesh, or whatever the application speaks. */
export type TlsMode = 'istio' | 'disabled';

export type Health = 'healthy' | 'unhealthy' | 'draining';

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
}

/** One address behind a service port. Endpoints of all clusters stand side by side; `cluster` tells them apart. */
export interface Endpoint {
  readonly address: string;
  /** The port that the workload listens on. */
  readonly port: number;
  readonly cluster: string;
  readonly network: string;
  readonly namespace: string;
  /** Name of the Deployment (or other controller) that the instance belongs to; '' when unknown. */
  readonly workload: string;
  /** Name of the pod or WorkloadEntry; '' when unknown. */
  readonly instance: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly locality: Locality;
  readonly serviceAccount: string;
  readonly tlsMode: TlsMode;
  readonly health: Health;
  /** Load-balancing weight; 0 means unset (counts as 1). */
  readonly weight: number;
  /** Host name of a headless member (StatefulSet pods); '' otherwise. */
  readonly hostname: string;
  readonly node: string;
}
