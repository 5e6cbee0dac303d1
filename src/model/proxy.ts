// What the control plane knows of a proxy, and the class of proxies that share every byte.
import type { Locality } from './endpoint.ts';

export type ProxyType = 'sidecar' | 'router';

/** One connected proxy, from its node id and metadata. */
export interface Proxy {
  /** Node id: `sidecar~IP~pod.ns~ns.svc.cluster.local`. */
  readonly id: string;
  readonly type: ProxyType;
  readonly addresses: readonly string[];
  readonly instance: string;
  readonly namespace: string;
  readonly cluster: string;
  readonly network: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly locality: Locality;
  readonly node: string;
  readonly domain: string;
  /** Envoy's version, e.g. `1.40.0`. */
  readonly version: string;
  /** Istio proxy version from metadata ISTIO_VERSION. */
  readonly istioVersion: string;
  /** Ports that must not be captured again, interception mode, proxy config: as sent in node metadata. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Connected by the delta protocol, so that it can take virtual hosts one by one. */
  readonly delta?: boolean;
}

/**
 * Exactly what generators may know of a proxy. Two proxies with equal classes get equal bytes.
 * `labels` are cut down to those that some selector asks for; fields that nothing reads now are ''.
 */
export interface ProxyClass {
  readonly type: ProxyType;
  readonly namespace: string;
  readonly cluster: string;
  readonly network: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly locality: Locality;
  /** Only when some visible service is node-local; else ''. */
  readonly node: string;
  readonly domain: string;
  /** The client can take virtual hosts one by one: it is an Envoy that speaks delta (`Proxy.delta`). */
  readonly virtualHostDiscovery: boolean;
  /** The few metadata values that generators read, by name; absent keys are defaults. */
  readonly settings: Readonly<Record<string, string>>;
}
