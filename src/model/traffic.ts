// How a client treats a destination (DestinationRule): balancing, pools, ejection, TLS, subsets.
import type { ObjectRef, Visibility } from './service.ts';

export type LoadBalancer =
  | { readonly kind: 'round-robin' | 'least-request' | 'random' | 'passthrough'; readonly warmupMs: number }
  | {
      readonly kind: 'hash';
      readonly on:
        | { readonly kind: 'header' | 'query'; readonly name: string }
        | { readonly kind: 'cookie'; readonly name: string; readonly path: string; readonly ttlMs: number | undefined }
        | { readonly kind: 'source-ip' };
      readonly algorithm:
        | { readonly kind: 'ring'; readonly minimumSize: number }
        | { readonly kind: 'maglev'; readonly tableSize: number };
    };

export interface LocalityBalancing {
  readonly enabled: boolean;
  readonly distribute: readonly { readonly from: string; readonly to: Readonly<Record<string, number>> }[];
  readonly failover: readonly { readonly from: string; readonly to: string }[];
  readonly failoverPriority: readonly string[];
}

/** Unset numbers take Envoy's or the mesh's default. */
export interface ConnectionPool {
  readonly maxConnections?: number;
  readonly connectTimeoutMs?: number;
  readonly idleTimeoutMs?: number;
  readonly maxConnectionDurationMs?: number;
  readonly keepalive?: { readonly probes?: number; readonly timeSeconds?: number; readonly intervalSeconds?: number };
  readonly http1MaxPendingRequests?: number;
  readonly http2MaxRequests?: number;
  readonly maxRequestsPerConnection?: number;
  readonly maxRetries?: number;
  readonly httpIdleTimeoutMs?: number;
  readonly maxConcurrentStreams?: number;
  readonly h2Upgrade: 'default' | 'upgrade' | 'do-not-upgrade';
  readonly useClientProtocol: boolean;
}

export interface OutlierDetection {
  readonly splitExternalLocalOriginErrors: boolean;
  readonly consecutive5xx: number | undefined;
  readonly consecutiveGateway: number | undefined;
  readonly consecutiveLocalOrigin: number | undefined;
  readonly intervalMs: number | undefined;
  readonly baseEjectionMs: number | undefined;
  readonly maxEjectionPercent: number | undefined;
  readonly minHealthPercent: number;
}

export interface ClientTls {
  readonly mode: 'disable' | 'simple' | 'mutual' | 'istio-mutual';
  readonly clientCertificate: string;
  readonly privateKey: string;
  readonly caCertificates: string;
  readonly credentialName: string;
  readonly subjectAltNames: readonly string[];
  readonly sni: string;
  readonly insecureSkipVerify: boolean;
  readonly caCrl: string;
}

/** Undefined parts fall back: port → subset → host → mesh default. */
export interface TrafficPolicy {
  readonly loadBalancer?: LoadBalancer;
  readonly locality?: LocalityBalancing;
  readonly pool?: ConnectionPool;
  readonly outlier?: OutlierDetection;
  readonly tls?: ClientTls;
  readonly proxyProtocol?: 'v1' | 'v2';
  readonly ports: Readonly<Record<number, Omit<TrafficPolicy, 'ports'>>>;
}

export interface Subset {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly policy?: TrafficPolicy;
}

export interface DestinationPolicy {
  readonly source: ObjectRef;
  readonly created: string;
  /** Fully qualified, may have a leading wildcard. */
  readonly host: string;
  readonly visibility: Visibility;
  readonly policy?: TrafficPolicy;
  readonly subsets: readonly Subset[];
  /** Labels of the client workloads that it applies to; undefined for all. */
  readonly workloadSelector?: Readonly<Record<string, string>>;
}
