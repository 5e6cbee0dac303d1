// The mesh that is measured: objects of any size, always the same for the same sizes.
import type { KubernetesObject } from '../src/kinds/object.ts';

export interface Sizes {
  readonly services: number;
  /** Pods behind each service. */
  readonly endpoints: number;
  readonly namespaces: number;
  readonly virtualServices: number;
  readonly destinationRules: number;
}

/** The reference's measurements were made with these. */
export const FULL: Sizes = {
  services: 1000,
  endpoints: 10,
  namespaces: 20,
  virtualServices: 200,
  destinationRules: 200,
};
/** For a first impression. */
export const SMALL: Sizes = { services: 100, endpoints: 10, namespaces: 5, virtualServices: 20, destinationRules: 20 };

export const HTTP_PORT = 80;
export const TCP_PORT = 9000;
export const GATEWAY_NAMESPACE = 'istio-ingress';
export const CREDENTIAL = 'bench-credential';

/** A service and where it lives. */
export interface Place {
  readonly name: string;
  readonly namespace: string;
  readonly host: string;
  readonly clusterIp: string;
}

export function placeOf(index: number, sizes: Sizes): Place {
  const name = `svc-${index}`;
  const namespace = `ns-${index % sizes.namespaces}`;
  const host = `${name}.${namespace}.svc.cluster.local`;
  return { name, namespace, host, clusterIp: `10.96.${(index >> 8) & 255}.${index & 255}` };
}

export function podName(index: number, pod: number): string {
  return `svc-${index}-6d9f7b5c4d-${String(pod).padStart(5, '0')}`;
}

/** Addresses of 10.128.0.0/10, by the pod's number in the mesh. */
export function podAddress(index: number, pod: number, sizes: Sizes): string {
  const n = index * sizes.endpoints + pod;
  return `10.${128 + ((n >> 16) & 63)}.${(n >> 8) & 255}.${n & 255}`;
}

/** Half of a service's pods are of each version. */
export function labelsOf(index: number, pod: number): Record<string, string> {
  return { app: `svc-${index}`, version: pod % 2 === 0 ? 'v1' : 'v2', 'pod-template-hash': '6d9f7b5c4d' };
}

/** A file's worth of objects: what is written in one step. */
export interface Part {
  readonly path: string;
  readonly objects: readonly KubernetesObject[];
  /** What is written ahead of them and is not the change that is measured. */
  readonly before?: readonly KubernetesObject[];
}

/** All parts of a mesh, one after another: ten thousand pods need not be in memory at once. */
export function* meshObjects(sizes: Sizes): Generator<Part> {
  const namespaces = Array.from({ length: sizes.namespaces }, (_, i) => namespace(`ns-${i}`));
  yield { path: 'namespaces.json', objects: [...namespaces, namespace('istio-system'), namespace(GATEWAY_NAMESPACE)] };
  yield { path: 'nodes.json', objects: Array.from({ length: NODES }, (_, i) => node(i)) };
  for (let i = 0; i < sizes.services; i++) yield* serviceParts(i, sizes);
  for (let i = 0; i < sizes.virtualServices; i++) yield virtualService(i, sizes);
  for (let i = 0; i < sizes.destinationRules; i++) yield destinationRule(i, sizes);
  yield { path: 'gateway.json', objects: [gateway()] };
}

/** A Service with its pods, and its endpoints in a part of their own because they change. */
export function* serviceParts(index: number, sizes: Sizes, extra?: string): Generator<Part> {
  const { namespace: ns, name } = placeOf(index, sizes);
  const pods = Array.from({ length: sizes.endpoints }, (_, pod) => podOf(index, pod, sizes));
  yield { path: `${ns}/${name}.json`, objects: [service(index, sizes), ...pods] };
  yield endpointSlice(index, sizes, extra);
}

/** The endpoints of a service; `extra` is the address of one more pod, which comes with them. */
export function endpointSlice(index: number, sizes: Sizes, extra?: string): Part {
  const { name, namespace: ns } = placeOf(index, sizes);
  const endpoint = (pod: number, address: string) => ({
    addresses: [address],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: `node-${(index + pod) % NODES}`,
    targetRef: { kind: 'Pod', name: podName(index, pod), namespace: ns },
  });
  const { endpoints: count } = sizes;
  const endpoints = Array.from({ length: count }, (_, pod) => endpoint(pod, podAddress(index, pod, sizes)));
  if (extra) endpoints.push(endpoint(count, extra));
  const metadata = {
    name: `${name}-abcde`,
    namespace: ns,
    labels: { 'kubernetes.io/service-name': name, 'endpointslice.kubernetes.io/managed-by': 'endpointslice' },
  };
  const ports = [
    { name: 'http', port: 8080, protocol: 'TCP' },
    { name: 'tcp', port: TCP_PORT, protocol: 'TCP' },
  ];
  const slice = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata, addressType: 'IPv4' };
  const objects = [{ ...slice, ports, endpoints }];
  const path = `${ns}/${name}.endpoints.json`;
  return extra ? { path, before: [podOf(index, count, sizes, extra)], objects } : { path, objects };
}

/** Weights, a header match, a timeout and retries; `mark` is the value of a request header. */
export function virtualService(index: number, sizes: Sizes, mark = 'none'): Part {
  const { name, namespace: ns, host } = placeOf(index, sizes);
  // Those with a DestinationRule are split between its subsets.
  const split = index < sizes.destinationRules;
  const to = (subset: string, weight: number) => ({
    destination: { host, port: { number: HTTP_PORT }, ...(split && { subset }) },
    weight,
  });
  const beta = {
    name: 'beta',
    match: [{ headers: { 'x-user': { exact: 'beta' } } }],
    route: [to('v2', 100)],
    headers: { request: { set: { 'x-bench': mark } } },
  };
  const rest = {
    name: 'all',
    route: split ? [to('v1', 90), to('v2', 10)] : [to('', 100)],
    timeout: '10s',
    retries: { attempts: 3, perTryTimeout: '2s', retryOn: '5xx,reset' },
  };
  return istio('networking', 'VirtualService', ns, name, { hosts: [host], http: [beta, rest] });
}

/** Two subsets, outlier detection and a pool; `connections` is the pool's limit. */
export function destinationRule(index: number, sizes: Sizes, connections = 100): Part {
  const { name, namespace: ns, host } = placeOf(index, sizes);
  const trafficPolicy = {
    connectionPool: {
      tcp: { maxConnections: connections, connectTimeout: '3s' },
      http: { http1MaxPendingRequests: 50, maxRequestsPerConnection: 10 },
    },
    outlierDetection: { consecutive5xxErrors: 5, interval: '10s', baseEjectionTime: '30s' },
  };
  const subsets = ['v1', 'v2'].map((version) => ({ name: version, labels: { version } }));
  return istio('networking', 'DestinationRule', ns, name, { host, trafficPolicy, subsets });
}

/** Who may call in a namespace; `mark` is part of a path. */
export function authorizationPolicy(ns: string, mark: string): Part {
  const operation = { methods: ['DELETE'], paths: [`/bench/${mark}/*`] };
  return istio('security', 'AuthorizationPolicy', ns, 'bench', { action: 'DENY', rules: [{ to: [{ operation }] }] });
}

/** The gateway's certificate. */
export function credential(certificate: string, key: string): Part {
  const data = { 'tls.crt': base64(certificate), 'tls.key': base64(key) };
  const metadata = { name: CREDENTIAL, namespace: GATEWAY_NAMESPACE };
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/tls', data };
  return { path: `${GATEWAY_NAMESPACE}/credential.json`, objects: [secret] };
}

const NODES = 50;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

function istio(group: string, kind: string, ns: string, name: string, spec: Record<string, unknown>): Part {
  const object = { apiVersion: `${group}.istio.io/v1`, kind, metadata: { name, namespace: ns }, spec };
  return { path: `${ns}/${name}.${kind}.json`, objects: [object] };
}

function namespace(name: string): KubernetesObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { 'istio-injection': 'enabled' } } };
}

function node(index: number): KubernetesObject {
  const labels = {
    'topology.kubernetes.io/region': 'region-1',
    'topology.kubernetes.io/zone': `zone-${index % 3}`,
    'kubernetes.io/hostname': `node-${index}`,
  };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name: `node-${index}`, labels } };
}

function service(index: number, sizes: Sizes): KubernetesObject {
  const { name, namespace: ns, clusterIp } = placeOf(index, sizes);
  const ports = [
    { name: 'http', port: HTTP_PORT, targetPort: 8080, protocol: 'TCP' },
    { name: 'tcp', port: TCP_PORT, targetPort: TCP_PORT, protocol: 'TCP' },
  ];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: ns, labels: { app: name } },
    spec: { clusterIP: clusterIp, clusterIPs: [clusterIp], type: 'ClusterIP', selector: { app: name }, ports },
  };
}

/** A pod as an API server shows it, with some of what nobody reads: that has to be read and dropped too. `at` is its address. */
export function podOf(index: number, pod: number, sizes: Sizes, at?: string): KubernetesObject {
  const { name, namespace: ns } = placeOf(index, sizes);
  const address = at ?? podAddress(index, pod, sizes);
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${name}-6d9f7b5c4d`, controller: true, uid: 'x' };
  const ports = [
    { name: 'http', containerPort: 8080 },
    { name: 'tcp', containerPort: TCP_PORT },
  ];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(index, pod),
      namespace: ns,
      uid: `00000000-0000-4000-8000-${String(index * 1000 + pod).padStart(12, '0')}`,
      resourceVersion: '1',
      labels: labelsOf(index, pod),
      annotations: { 'sidecar.istio.io/status': '{"containers":["istio-proxy"]}', 'prometheus.io/scrape': 'true' },
      ownerReferences: [owner],
    },
    spec: {
      nodeName: `node-${(index + pod) % NODES}`,
      serviceAccountName: name,
      containers: [
        { name: 'app', image: 'example/app:1', ports },
        { name: 'istio-proxy', image: 'isthmus/proxy:latest', args: ['proxy', 'sidecar'] },
      ],
    },
    status: {
      phase: 'Running',
      podIP: address,
      podIPs: [{ ip: address }],
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
}

function gateway(): KubernetesObject {
  const server = {
    port: { number: 443, name: 'https', protocol: 'HTTPS' },
    hosts: ['*'],
    tls: { mode: 'SIMPLE', credentialName: CREDENTIAL },
  };
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Gateway',
    metadata: { name: 'bench', namespace: GATEWAY_NAMESPACE },
    spec: { selector: { istio: 'ingressgateway' }, servers: [server] },
  };
}
