// The pod of a gateway, written out in full: it needs neither the injection webhook nor anything else to be up first.
import { clusterName, type Installation, imageOf, istiodHost, logArguments, pullPolicy } from '../installation.ts';
import { type Json, type JsonObject, listAt, objectAt, textAt } from '../json.ts';
import type { GatewayIdentity, GatewayOptions } from './gateway.ts';
import { meshConfigOf, trustDomainOf } from './mesh-config.ts';
import { containerSettings, environment, podSettings } from './workload.ts';

export interface GatewayPodOptions extends GatewayOptions {
  readonly identity: GatewayIdentity;
  readonly k8s: JsonObject;
  readonly values: JsonObject;
  readonly ports: readonly JsonObject[];
}

/** PodTemplateSpec of a gateway: agent and Envoy as uid 1337 on a read-only root, certificates in memory. */
export function gatewayPod(options: GatewayPodOptions): JsonObject {
  const { identity, k8s, values } = options;
  const secrets = listAt(values, 'secretVolumes');
  return {
    metadata: {
      labels: {
        ...identity.labels,
        ...identity.selector,
        'istio.io/dataplane-mode': 'none',
        'service.istio.io/canonical-name': identity.name,
        'service.istio.io/canonical-revision': 'latest',
        'sidecar.istio.io/inject': 'false',
      },
      annotations: textMap({
        'istio.io/rev': options.installation.revision || 'default',
        'prometheus.io/path': '/stats/prometheus',
        'prometheus.io/port': '15020',
        'prometheus.io/scrape': 'true',
        'sidecar.istio.io/inject': 'false',
        ...objectAt(values, 'podAnnotations'),
        ...objectAt(k8s, 'podAnnotations'),
      }),
    },
    spec: {
      serviceAccountName: `${identity.name}-service-account`,
      securityContext: k8s.securityContext ?? { runAsUser: 1337, runAsGroup: 1337, runAsNonRoot: true, fsGroup: 1337 },
      ...podSettings(k8s, values, objectAt(options.installation.values, 'global')),
      containers: [containerSettings(container(options), k8s), ...listAt(values, 'additionalContainers')],
      volumes: [
        ...VOLUMES,
        ...secrets.map(secretVolume),
        ...listAt(values, 'configVolumes'),
        ...listAt(k8s, 'volumes'),
      ],
    },
  };
}

function secretVolume(volume: Json): JsonObject {
  return { name: textAt(volume, 'name'), secret: { secretName: textAt(volume, 'secretName'), optional: true } };
}

const VOLUMES: readonly JsonObject[] = [
  { name: 'workload-socket', emptyDir: {} },
  { name: 'credential-socket', emptyDir: {} },
  { name: 'workload-certs', emptyDir: {} },
  { name: 'istio-envoy', emptyDir: { medium: 'Memory' } },
  { name: 'istio-data', emptyDir: {} },
  {
    name: 'istio-podinfo',
    downwardAPI: {
      items: ['labels', 'annotations'].map((path) => ({ path, fieldRef: { fieldPath: `metadata.${path}` } })),
    },
  },
  {
    name: 'istio-token',
    projected: {
      sources: [{ serviceAccountToken: { audience: 'istio-ca', expirationSeconds: 43200, path: 'istio-token' } }],
    },
  },
  { name: 'istiod-ca-cert', configMap: { name: 'istio-ca-root-cert' } },
];

const MOUNTS: readonly JsonObject[] = [
  { name: 'workload-socket', mountPath: '/var/run/secrets/workload-spiffe-uds' },
  { name: 'credential-socket', mountPath: '/var/run/secrets/credential-uds' },
  { name: 'workload-certs', mountPath: '/var/run/secrets/workload-spiffe-credentials' },
  { name: 'istio-envoy', mountPath: '/etc/istio/proxy' },
  { name: 'istio-data', mountPath: '/var/lib/istio/data' },
  { name: 'istio-podinfo', mountPath: '/etc/istio/pod' },
  { name: 'istio-token', mountPath: '/var/run/secrets/tokens', readOnly: true },
  { name: 'istiod-ca-cert', mountPath: '/var/run/secrets/istio' },
];

function container(options: GatewayPodOptions): JsonObject {
  const { installation, gateway, k8s, values, ports } = options;
  const proxy = objectAt(installation.values, 'global.proxy');
  const imagePullPolicy = pullPolicy(installation, k8s);
  return {
    name: 'istio-proxy',
    image: imageOf(installation, textAt(proxy, 'image', 'proxy'), gateway),
    ...(imagePullPolicy ? { imagePullPolicy } : {}),
    args: [
      'proxy',
      'router',
      '--domain',
      `$(POD_NAMESPACE).svc.${textAt(proxy, 'clusterDomain', 'cluster.local')}`,
      `--proxyLogLevel=${textAt(proxy, 'logLevel', 'warning')}`,
      `--proxyComponentLogLevel=${textAt(proxy, 'componentLogLevel', 'misc:error')}`,
      ...logArguments(installation.values),
    ],
    ports: [...ports, { containerPort: 15090, protocol: 'TCP', name: 'http-envoy-prom' }],
    env: environment(defaultEnvironment(options), objectAt(values, 'env'), listAt(k8s, 'env')),
    readinessProbe: {
      httpGet: { path: '/healthz/ready', port: 15021, scheme: 'HTTP' },
      initialDelaySeconds: 1,
      periodSeconds: 2,
      timeoutSeconds: 1,
      successThreshold: 1,
      failureThreshold: 30,
    },
    resources: values.resources ?? proxy.resources ?? {},
    securityContext: {
      allowPrivilegeEscalation: false,
      privileged: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      ...MOUNTS,
      ...listAt(values, 'secretVolumes').map((volume) => ({
        name: textAt(volume, 'name'),
        mountPath: textAt(volume, 'mountPath'),
        readOnly: true,
      })),
    ],
  };
}

function defaultEnvironment({ installation, identity }: GatewayPodOptions): JsonObject[] {
  const { values } = installation;
  const field = (name: string, fieldPath: string): JsonObject => ({
    name,
    valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
  });
  const text = (name: string, value: string): JsonObject => ({ name, value });
  const istiod = istiodHost(installation);
  const network = identity.selector['topology.istio.io/network'] ?? textAt(values, 'global.network');
  const trustDomain = trustDomainOf(installation);
  return [
    text('PILOT_CERT_PROVIDER', textAt(values, 'global.pilotCertProvider', 'istiod')),
    text('CA_ADDR', textAt(values, 'global.caAddress') || `${istiod.name}.${istiod.namespace}.svc:15012`),
    field('NODE_NAME', 'spec.nodeName'),
    field('POD_NAME', 'metadata.name'),
    field('POD_NAMESPACE', 'metadata.namespace'),
    field('INSTANCE_IP', 'status.podIP'),
    field('HOST_IP', 'status.hostIP'),
    field('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    { name: 'ISTIO_CPU_LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1' } } },
    text('PROXY_CONFIG', JSON.stringify(objectAt(meshConfigOf(installation), 'defaultConfig'))),
    text('ISTIO_META_WORKLOAD_NAME', identity.name),
    text('ISTIO_META_OWNER', ownerOf(installation, identity)),
    text('ISTIO_META_MESH_ID', textAt(values, 'global.meshID') || trustDomain),
    text('TRUST_DOMAIN', trustDomain),
    text('ISTIO_META_UNPRIVILEGED_POD', 'true'),
    text('ISTIO_META_CLUSTER_ID', clusterName(installation)),
    field('ISTIO_META_NODE_NAME', 'spec.nodeName'),
    ...(network ? [text('ISTIO_META_NETWORK', network)] : []),
  ];
}

function ownerOf(_installation: Installation, { name, namespace }: GatewayIdentity): string {
  return `kubernetes://apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
}

function textMap(map: JsonObject): Record<string, string> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, String(value)]));
}
