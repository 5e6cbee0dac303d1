// A name that workloads call, merged over all clusters.

export type Protocol =
  | 'http'
  | 'http2'
  | 'grpc'
  | 'grpc-web'
  | 'https'
  | 'tls'
  | 'tcp'
  | 'mongo'
  | 'mysql'
  | 'redis'
  | 'udp'
  /** Neither the name nor appProtocol says: outbound and inbound listeners look at the bytes. */
  | 'auto';

/** How a client finds the endpoints of a service. */
export type Resolution =
  /** From Endpoint objects, served by EDS. */
  | 'static'
  /** Envoy resolves the endpoint addresses by DNS; each answer is an endpoint. */
  | 'dns'
  /** As dns, but one connection pool to whatever the name now resolves to. */
  | 'dns-round-robin'
  /** Headless or unresolved: forward to the address that the caller dialled. */
  | 'passthrough'
  /** Another name for the service `externalName`. */
  | 'alias';

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly protocol: Protocol;
  /** Number or name as written in targetPort; '' when equal to `port`. */
  readonly targetPort: string;
}

/** Who sees an object: every namespace, the namespace of the object, nobody, or those listed. */
export type Visibility =
  | { readonly kind: 'all' }
  | { readonly kind: 'none' }
  | { readonly kind: 'some'; readonly namespaces: readonly string[] };

export interface Service {
  /** Fully qualified name, e.g. `helloworld.sample.svc.cluster.local`; for a ServiceEntry, the host as written. */
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
  readonly ports: readonly ServicePort[];
  readonly resolution: Resolution;
  readonly externalName: string;
  /** Virtual addresses by cluster; the key '' holds those valid everywhere (ServiceEntry). Empty for headless. */
  readonly addresses: Readonly<Record<string, readonly string[]>>;
  /** Clusters in which the service exists, sorted. */
  readonly clusters: readonly string[];
  readonly headless: boolean;
  /** ServiceEntry with location MESH_EXTERNAL: no mesh identity is expected. */
  readonly external: boolean;
  readonly visibility: Visibility;
  /** Pod labels that select its members, by cluster; undefined when it has no selector there. */
  readonly selectors: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly labels: Readonly<Record<string, string>>;
  /** From `subjectAltNames` of a ServiceEntry and the annotation of the same meaning; [] means derive from endpoints. */
  readonly subjectAltNames: readonly string[];
  /** `publishNotReadyAddresses`: unready endpoints are served as healthy. */
  readonly publishNotReady: boolean;
  /** Traffic stays on the caller's node (`internalTrafficPolicy: Local`). */
  readonly nodeLocal: boolean;
  /** Sticky by client address (`sessionAffinity: ClientIP`). */
  readonly clientAffinity: boolean;
  /** Endpoints of the caller's own cluster only (`MeshConfig.serviceSettings` with clusterLocal). */
  readonly clusterLocal: boolean;
  readonly source: ObjectRef;
  /** RFC 3339; '' when unknown. The older of two claims on one name wins. */
  readonly created: string;
}

/** Which object something came from; the unit of provenance, of problems and of status. */
export interface ObjectRef {
  readonly cluster: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}
