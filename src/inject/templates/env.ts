// Environment of the proxy container: how the agent learns who it is, where the control plane is and what it fronts.

import { defaultProxyConfig } from '../defaults.ts';
import { proxyConfigEnv } from '../mesh.ts';
import type { Container, EnvVar } from '../pod.ts';
import { annotationsOf, labelsOf } from '../pod.ts';
import type { TemplateInput } from './input.ts';
import { applicationContainers, interceptionMode } from './input.ts';
import { otelResourceAttributes } from './otel.ts';

/** `istiod.istio-system.svc`, with the revision where there is one. */
export function controlPlaneHost(input: TemplateInput): string {
  const revision = input.values.revision ? `-${input.values.revision}` : '';
  return `istiod${revision}.${input.values.global.istioNamespace}.svc`;
}

/** Environment of a proxy of the given type. Names and meaning are Istio's. */
export function proxyEnv(input: TemplateInput, type: 'sidecar' | 'router'): EnvVar[] {
  const { global } = input.values;
  const { trustDomain } = input.mesh;
  const meshId = global.meshID || trustDomain;
  const annotations = annotationsOf(input.pod);
  const workloadName =
    (type === 'sidecar' && labelsOf(input.pod)['service.istio.io/workload-name']) || input.workload.name;
  const otel = type === 'sidecar' ? otelResourceAttributes(input) : '';
  const env: (EnvVar | undefined)[] = [
    type === 'sidecar' && input.mesh.inboundTrafficPolicy === 'LOCALHOST'
      ? text('REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION', 'true')
      : undefined,
    text('PILOT_CERT_PROVIDER', global.pilotCertProvider),
    text('CA_ADDR', global.caAddress || `${controlPlaneHost(input)}:15012`),
    field('POD_NAME', 'metadata.name'),
    field('POD_NAMESPACE', 'metadata.namespace'),
    field('INSTANCE_IP', 'status.podIP'),
    field('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    field('HOST_IP', 'status.hostIP'),
    { name: 'ISTIO_CPU_LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1' } } },
    text('PROXY_CONFIG', proxyConfigEnv(withDiscovery(input), meshId)),
    text('ISTIO_META_POD_PORTS', JSON.stringify(podPorts(input.pod.spec?.containers ?? []))),
    text('ISTIO_META_APP_CONTAINERS', applicationContainers(input).join(',')),
    text('ISTIO_META_CLUSTER_ID', input.cluster || 'Kubernetes'),
    field('ISTIO_META_NODE_NAME', 'spec.nodeName'),
    text('ISTIO_META_INTERCEPTION_MODE', type === 'sidecar' ? interceptionMode(input) : gatewayMode(input)),
    input.network ? text('ISTIO_META_NETWORK', input.network) : undefined,
    workloadName ? text('ISTIO_META_WORKLOAD_NAME', workloadName) : undefined,
    input.workload.name ? text('ISTIO_META_OWNER', owner(input)) : undefined,
    annotations['sidecar.istio.io/bootstrapOverride']
      ? text('ISTIO_BOOTSTRAP_OVERRIDE', '/etc/istio/custom-bootstrap/custom_bootstrap.json')
      : undefined,
    meshId ? text('ISTIO_META_MESH_ID', meshId) : undefined,
    trustDomain ? text('TRUST_DOMAIN', trustDomain) : undefined,
    otel ? text('OTEL_RESOURCE_ATTRIBUTES', otel) : undefined,
    ...metadataEnv(input),
  ];
  return env.filter((item) => item !== undefined);
}

/** `proxyMetadata` of the proxy configuration as environment, sorted by name. */
export function metadataEnv(input: TemplateInput): EnvVar[] {
  const metadata = Object.entries(input.proxyConfig.proxyMetadata ?? {});
  return metadata.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => text(name, String(value)));
}

/** The mesh's default address names the revision's own Service, so that a canary's proxies dial the canary. */
function withDiscovery(input: TemplateInput): TemplateInput['proxyConfig'] {
  const { discoveryAddress } = input.proxyConfig;
  if (discoveryAddress && discoveryAddress !== defaultProxyConfig.discoveryAddress) return input.proxyConfig;
  return { ...input.proxyConfig, discoveryAddress: `${controlPlaneHost(input)}:15012` };
}

function podPorts(containers: readonly Container[]): readonly unknown[] {
  return containers.flatMap((container) => container.ports ?? []);
}

function gatewayMode(input: TemplateInput): string {
  return input.proxyConfig.interceptionMode ?? 'REDIRECT';
}

function owner(input: TemplateInput): string {
  const { apiVersion, kind, name, namespace } = input.workload;
  return `kubernetes://apis/${apiVersion}/namespaces/${namespace || 'default'}/${kind.toLowerCase()}s/${name}`;
}

function text(name: string, value: string): EnvVar {
  return { name, value };
}

function field(name: string, fieldPath: string): EnvVar {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}
