// Component IstiodRemote: a cluster without control plane. Its Service `istiod` leads to the primary's gateway.
import { isIP } from 'node:net';
import { clusterName, type Installation, istiodHost, labelsOf } from '../installation.ts';
import { flagAt, type JsonObject, type Manifest, objectAt, textAt } from '../json.ts';
import { injectorConfigMap } from './injector-config.ts';
import { meshConfigMap } from './mesh-config.ts';
import { injectionWebhook, validationWebhook } from './webhooks.ts';
import { serviceSpec } from './workload.ts';

const PORTS = [
  { name: 'tcp-istiod', port: 15012, target: 15012 },
  { name: 'tcp-webhook', port: 443, target: 15017 },
];

/** Kubernetes' own controllers leave slices with another manager alone; uninstalling and pruning go by it too. */
export const SLICE_MANAGER = 'isthmus-install';

/**
 * Service `istiod` (with an EndpointSlice for an IP address, ExternalName for a host) and the injection webhook whose
 * path tells the primary which cluster and network it speaks for.
 */
export function remoteObjects(installation: Installation): Manifest[] {
  const { values } = installation;
  const address = textAt(values, 'global.remotePilotAddress');
  const host = address !== '' && isIP(address) === 0;
  const config = flagAt(values, 'global.configCluster');
  return [
    ...(flagAt(values, 'global.omitSidecarInjectorConfigMap')
      ? []
      : [meshConfigMap(installation), injectorConfigMap(installation)]),
    ...(address ? [service(installation, address, host)] : []),
    ...(address && !host ? [slice(installation, address)] : []),
    // The API server resolves an ExternalName itself and takes the webhook's port as it is, without targetPort.
    injectionWebhook({
      installation,
      component: 'IstiodRemote',
      path: injectionPath(installation),
      port: host ? 15017 : 443,
    }),
    ...(config ? [validationWebhook(installation)] : []),
  ];
}

/** `/inject/cluster/<name>/net/<network>`, unless `values.istiodRemote.injectionPath` says otherwise. */
export function injectionPath(installation: Installation): string {
  const own = textAt(installation.values, 'istiodRemote.injectionPath');
  if (own) return own;
  const network = textAt(installation.values, 'global.network');
  const cluster = `/inject/cluster/${encodeURIComponent(clusterName(installation))}`;
  return network ? `${cluster}/net/${encodeURIComponent(network)}` : cluster;
}

function metadata(installation: Installation, extra: Record<string, string> = {}) {
  const own = { app: 'istiod', istio: 'pilot', 'app.kubernetes.io/name': 'istiod', ...extra };
  return { ...istiodHost(installation), labels: labelsOf(installation, 'IstiodRemote', own) };
}

function service(installation: Installation, address: string, host: boolean): Manifest {
  const k8s = objectAt(installation.spec, 'components.istiodRemote.k8s');
  const ports = PORTS.map(({ name, port, target }) => ({ name, port, targetPort: target, protocol: 'TCP' }));
  const spec: JsonObject = host ? { type: 'ExternalName', externalName: address, ports } : { ports };
  const annotations = objectAt(k8s, 'serviceAnnotations');
  const annotated = Object.keys(annotations).length > 0 ? { annotations } : {};
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metadata(installation), ...annotated },
    spec: serviceSpec(spec, k8s),
  };
}

function slice(installation: Installation, address: string): Manifest {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadata(installation, {
      'kubernetes.io/service-name': istiodHost(installation).name,
      'endpointslice.kubernetes.io/managed-by': SLICE_MANAGER,
    }),
    addressType: isIP(address) === 6 ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: PORTS.map(({ name, target }) => ({ name, port: target, protocol: 'TCP' })),
  };
}
