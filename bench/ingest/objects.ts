// Objects as an API server of a busy cluster answers them: with managed fields, statuses, probes and mounts that nobody in a mesh reads.
// As text with a few places to fill in, because the server that hands them out must be faster than its client.

export interface ClusterSizes {
  readonly pods: number;
  readonly services: number;
  /** Entries of all EndpointSlices. */
  readonly endpoints: number;
  readonly nodes: number;
  readonly namespaces: number;
}

export const CLUSTER: ClusterSizes = { pods: 10_000, services: 2_000, endpoints: 20_000, nodes: 200, namespaces: 50 };

/** Text of object `index` of a kind, in cluster `cluster` (0..); `version` is its resourceVersion. */
export type ObjectText = (cluster: number, index: number, version: number) => string;

export interface ServedKind {
  readonly path: string;
  readonly list: string;
  readonly apiVersion: string;
  readonly count: number;
  readonly text: ObjectText;
}

const AT = '2026-01-01T00:00:00Z';

/** Everything that a cluster of these sizes has. */
export function servedKinds(sizes: ClusterSizes): ServedKind[] {
  const perService = Math.max(1, Math.round(sizes.endpoints / sizes.services));
  const namespaceOf = (service: number): string => `team-${service % sizes.namespaces}`;
  const podsPerApp = Math.max(1, Math.round((sizes.pods / sizes.services) * 2));
  // Two Services stand before the same pods, as a stable and a canary Service do: 10,000 pods are 20,000 endpoints.
  const appOf = (service: number): number => service >> 1;
  const podName = (pod: number): string => `app-${Math.floor(pod / podsPerApp)}-7c9d6b5f48-${suffix(pod)}`;
  const namespaceOfPod = (pod: number): string => namespaceOf(Math.floor(pod / podsPerApp) * 2);
  const addressOf = (cluster: number, pod: number): string => `10.${16 + cluster}.${pod >> 8}.${pod & 255}`;

  const pod: ObjectText = (cluster, i, version) =>
    filled(POD, {
      NAME: podName(i),
      NS: namespaceOfPod(i),
      APP: `app-${Math.floor(i / podsPerApp)}`,
      UID: uid(cluster, i),
      RV: String(version),
      IP: addressOf(cluster, i),
      NODE: `node-${cluster}-${i % sizes.nodes}`,
    });
  const service: ObjectText = (cluster, i, version) =>
    filled(SERVICE, {
      NAME: `svc-${i}`,
      // A service and its sibling are in one namespace.
      NS: namespaceOf(appOf(i) * 2),
      APP: `app-${appOf(i)}`,
      UID: uid(cluster, i),
      RV: String(version),
      IP: `10.${96 + cluster}.${i >> 8}.${i & 255}`,
    });
  const slice: ObjectText = (cluster, i, version) => {
    const endpoints = Array.from({ length: perService }, (_, n) => {
      const one = (appOf(i) * podsPerApp + (n % podsPerApp)) % sizes.pods;
      return filled(ENDPOINT, {
        IP: addressOf(cluster, one),
        NODE: `node-${cluster}-${one % sizes.nodes}`,
        ZONE: `zone-${one % 3}`,
        POD: podName(one),
        NS: namespaceOfPod(one),
        UID: uid(cluster, one),
      });
    });
    return filled(SLICE, {
      NAME: `svc-${i}`,
      NS: namespaceOf(appOf(i) * 2),
      UID: uid(cluster, i),
      RV: String(version),
      ENDPOINTS: endpoints.join(','),
    });
  };
  const node: ObjectText = (cluster, i, version) =>
    filled(NODE, { NAME: `node-${cluster}-${i}`, RV: String(version), ZONE: `zone-${i % 3}`, UID: uid(cluster, i) });
  const namespace: ObjectText = (cluster, i, version) =>
    filled(NAMESPACE, { NAME: `team-${i}`, RV: String(version), UID: uid(cluster, i) });
  const v1 = { apiVersion: 'v1' };
  return [
    { ...v1, path: '/api/v1/pods', list: 'PodList', count: sizes.pods, text: pod },
    { ...v1, path: '/api/v1/services', list: 'ServiceList', count: sizes.services, text: service },
    {
      apiVersion: 'discovery.k8s.io/v1',
      path: '/apis/discovery.k8s.io/v1/endpointslices',
      list: 'EndpointSliceList',
      count: sizes.services,
      text: slice,
    },
    { ...v1, path: '/api/v1/nodes', list: 'NodeList', count: sizes.nodes, text: node },
    { ...v1, path: '/api/v1/namespaces', list: 'NamespaceList', count: sizes.namespaces, text: namespace },
  ];
}

const suffix = (n: number): string => (n * 7919 + 100_000).toString(36).padStart(5, 'x');
const uid = (cluster: number, n: number): string =>
  `${String(cluster).padStart(8, '0')}-0000-4000-8000-${String(n).padStart(12, '0')}`;

type Template = readonly string[];

/** Text and names of places, alternating. A place in a text is `%%NAME%%`; `%%!NAME%%` alone in one is a whole value. */
function template(object: unknown): Template {
  return JSON.stringify(object)
    .replace(/"%%!(\w+)%%"/g, '%%$1%%')
    .split('%%');
}

function filled(parts: Template, values: Readonly<Record<string, string>>): string {
  let text = parts[0]!;
  for (let i = 1; i < parts.length; i += 2) text += values[parts[i]!]! + parts[i + 1]!;
  return text;
}

/** Who set which field, as the API server keeps it: `depth` is about how many fields. */
function managed(manager: string, fields: number, subresource?: string): object {
  const names = Array.from({ length: fields }, (_, i) => [
    `f:field${i}`,
    { 'k:{"name":"x"}': { '.': {}, 'f:value': {} } },
  ]);
  const fieldsV1 = { 'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } }, 'f:spec': Object.fromEntries(names) };
  const base = { manager, operation: 'Update', apiVersion: 'v1', time: AT, fieldsType: 'FieldsV1', fieldsV1 };
  return subresource ? { ...base, subresource } : base;
}

const env = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `SETTING_${i}`, value: `value-of-setting-${i}` }));
const mounts = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `volume-${i}`, mountPath: `/var/run/secrets/volume-${i}` }));
const probe = { httpGet: { path: '/healthz', port: 8080, scheme: 'HTTP' }, periodSeconds: 10, failureThreshold: 3 };
const resources = { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2', memory: '1Gi' } };
const container = (name: string, ports: object[], settings: number) => ({
  name,
  image: `registry.example/${name}:1.2.3`,
  ports,
  env: env(settings),
  volumeMounts: mounts(6),
  resources,
  livenessProbe: probe,
  readinessProbe: probe,
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
  imagePullPolicy: 'IfNotPresent',
});
const status = (name: string) => ({
  name,
  state: { running: { startedAt: AT } },
  lastState: {},
  ready: true,
  restartCount: 0,
  image: `registry.example/${name}:1.2.3`,
  imageID: `registry.example/${name}@sha256:${'ab'.repeat(32)}`,
  containerID: `containerd://${'cd'.repeat(32)}`,
  started: true,
});
const condition = (type: string) => ({ type, status: 'True', lastProbeTime: null, lastTransitionTime: AT });
const meta = (more: object) => ({
  name: '%%NAME%%',
  uid: '%%UID%%',
  resourceVersion: '%%RV%%',
  creationTimestamp: AT,
  ...more,
});

const POD = template({
  metadata: meta({
    generateName: '%%APP%%-7c9d6b5f48-',
    namespace: '%%NS%%',
    labels: { app: '%%APP%%', version: 'v1', 'pod-template-hash': '7c9d6b5f48', 'security.istio.io/tlsMode': 'istio' },
    annotations: {
      'sidecar.istio.io/status': JSON.stringify({
        initContainers: ['istio-init'],
        containers: ['istio-proxy'],
        volumes: ['istio-envoy'],
      }),
      'prometheus.io/scrape': 'true',
      'kubectl.kubernetes.io/restartedAt': AT,
    },
    ownerReferences: [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: '%%APP%%-7c9d6b5f48',
        uid: '%%UID%%',
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
    managedFields: [managed('kube-controller-manager', 40), managed('kubelet', 20, 'status')],
  }),
  spec: {
    volumes: Array.from({ length: 6 }, (_, i) => ({ name: `volume-${i}`, emptyDir: {} })),
    initContainers: [container('istio-init', [], 2)],
    containers: [
      container(
        'app',
        [
          { name: 'http', containerPort: 8080, protocol: 'TCP' },
          { name: 'grpc', containerPort: 9000, protocol: 'TCP' },
        ],
        10,
      ),
      container('istio-proxy', [{ name: 'http-envoy-prom', containerPort: 15090, protocol: 'TCP' }], 25),
    ],
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    serviceAccountName: '%%APP%%',
    serviceAccount: '%%APP%%',
    nodeName: '%%NODE%%',
    securityContext: {},
    schedulerName: 'default-scheduler',
    tolerations: [
      { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
    ],
    priority: 0,
    enableServiceLinks: true,
    preemptionPolicy: 'PreemptLowerPriority',
  },
  status: {
    phase: 'Running',
    conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(condition),
    hostIP: '192.168.0.1',
    hostIPs: [{ ip: '192.168.0.1' }],
    podIP: '%%IP%%',
    podIPs: [{ ip: '%%IP%%' }],
    startTime: AT,
    initContainerStatuses: [status('istio-init')],
    containerStatuses: [status('app'), status('istio-proxy')],
    qosClass: 'Burstable',
  },
});

const SERVICE = template({
  metadata: meta({
    namespace: '%%NS%%',
    labels: { app: '%%APP%%', 'app.kubernetes.io/managed-by': 'Helm' },
    annotations: { 'meta.helm.sh/release-name': '%%APP%%', 'meta.helm.sh/release-namespace': '%%NS%%' },
    managedFields: [managed('helm', 12)],
  }),
  spec: {
    ports: [
      { name: 'http', protocol: 'TCP', port: 80, targetPort: 'http' },
      { name: 'grpc', protocol: 'TCP', port: 9000, targetPort: 9000 },
    ],
    selector: { app: '%%APP%%' },
    clusterIP: '%%IP%%',
    clusterIPs: ['%%IP%%'],
    type: 'ClusterIP',
    sessionAffinity: 'None',
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    internalTrafficPolicy: 'Cluster',
  },
  status: { loadBalancer: {} },
});

const ENDPOINT = template({
  addresses: ['%%IP%%'],
  conditions: { ready: true, serving: true, terminating: false },
  targetRef: { kind: 'Pod', namespace: '%%NS%%', name: '%%POD%%', uid: '%%UID%%' },
  nodeName: '%%NODE%%',
  zone: '%%ZONE%%',
});

const SLICE = template({
  metadata: meta({
    name: '%%NAME%%-x2x9k',
    generateName: '%%NAME%%-',
    namespace: '%%NS%%',
    labels: {
      'kubernetes.io/service-name': '%%NAME%%',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    },
    annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': AT },
    ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: '%%NAME%%', uid: '%%UID%%', controller: true }],
    managedFields: [managed('kube-controller-manager', 10)],
  }),
  addressType: 'IPv4',
  endpoints: ['%%!ENDPOINTS%%'],
  ports: [
    { name: 'http', protocol: 'TCP', port: 8080 },
    { name: 'grpc', protocol: 'TCP', port: 9000 },
  ],
});

const NODE = template({
  metadata: meta({
    labels: {
      'topology.kubernetes.io/region': 'region-1',
      'topology.kubernetes.io/zone': '%%ZONE%%',
      'kubernetes.io/hostname': '%%NAME%%',
      'node.kubernetes.io/instance-type': 'large',
    },
    managedFields: [managed('kubelet', 40, 'status')],
  }),
  spec: { podCIDR: '10.0.0.0/24', providerID: 'example:///%%NAME%%' },
  status: {
    capacity: { cpu: '32', memory: '128Gi', pods: '110' },
    conditions: ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'].map(condition),
    nodeInfo: { kubeletVersion: 'v1.34.0', osImage: 'Linux', architecture: 'amd64' },
    images: Array.from({ length: 50 }, (_, i) => ({ names: [`registry.example/image-${i}:1`], sizeBytes: 1e8 + i })),
  },
});

const NAMESPACE = template({
  metadata: meta({
    labels: { 'kubernetes.io/metadata.name': '%%NAME%%', 'istio-injection': 'enabled' },
    managedFields: [managed('kubectl-create', 3)],
  }),
  spec: { finalizers: ['kubernetes'] },
  status: { phase: 'Active' },
});
