// What the control plane knows of the mesh, for /debug: services, endpoints and configuration in the reference's shapes.
import type { Mesh } from '../ingest/mesh.ts';
import { splitKey } from '../kinds/object.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { Service } from '../model/service.ts';

/** Resolution as the reference numbers it. */
const RESOLUTION: Readonly<Record<Service['resolution'], number>> = {
  static: 0,
  dns: 1,
  passthrough: 2,
  'dns-round-robin': 3,
  alias: 4,
};

/** All services of the mesh by id, sorted. */
export function allServices(mesh: Mesh): [id: string, service: Service][] {
  const { graph, inputs } = mesh;
  const namespaces = new Set<string>();
  for (const input of [inputs.service, inputs.serviceEntry]) {
    for (const [key] of input.entries()) namespaces.add(splitKey(key).namespace);
  }
  return [...namespaces]
    .sort()
    .flatMap((namespace) => graph.read(mesh.servicesIn, namespace))
    .flatMap((id) => {
      const service = graph.read(mesh.service, id);
      return service ? [[id, service] as [string, Service]] : [];
    });
}

/** `/debug/registryz`. */
export function registryz(mesh: Mesh): unknown[] {
  return allServices(mesh).map(([, service]) => ({
    Attributes: {
      ServiceRegistry: service.source.kind === 'Service' ? 'Kubernetes' : 'External',
      Name: service.name,
      Namespace: service.namespace,
      Labels: service.labels,
      ExportTo: service.visibility,
      LabelSelectors: service.selectors[mesh.configCluster] ?? null,
      Clusters: service.clusters,
    },
    ports: service.ports.map(({ name, port, protocol }) => ({ name, port, protocol: protocol.toUpperCase() })),
    creationTime: service.created,
    hostname: service.host,
    clusterVIPs: { Addresses: service.addresses },
    defaultAddress: service.addresses[mesh.configCluster]?.[0] ?? service.addresses['']?.[0] ?? '0.0.0.0',
    Resolution: RESOLUTION[service.resolution],
    MeshExternal: service.external,
  }));
}

/** `/debug/endpointz`: endpoints of every port; `host` limits it to one service. */
export function endpointz(mesh: Mesh, host = ''): unknown[] {
  return allServices(mesh)
    .filter(([, service]) => host === '' || service.host === host)
    .flatMap(([id, service]) =>
      service.ports.map((port) => ({
        svc: `${service.host}:${port.name || port.port}`,
        ep: mesh.graph.read(mesh.endpoints, { service: id, port: port.port }).map((endpoint) => ({
          service: { hostname: service.host, namespace: service.namespace },
          servicePort: { name: port.name, port: port.port, protocol: port.protocol.toUpperCase() },
          endpoint: istioEndpoint(endpoint),
        })),
      })),
    );
}

function istioEndpoint(endpoint: Endpoint): object {
  const { region, zone, subzone } = endpoint.locality;
  return {
    Labels: endpoint.labels,
    Address: endpoint.address,
    EndpointPort: endpoint.port,
    ServiceAccount: endpoint.serviceAccount,
    Network: endpoint.network,
    Locality: { Label: [region, zone, subzone].filter(Boolean).join('/'), ClusterID: endpoint.cluster },
    LbWeight: endpoint.weight,
    TLSMode: endpoint.tlsMode,
    Namespace: endpoint.namespace,
    WorkloadName: endpoint.workload,
    HostName: endpoint.hostname,
    HealthStatus: endpoint.health,
    NodeName: endpoint.node,
  };
}

/** `/debug/configz`: Istio objects as they are in force (undefined fields left out). */
export function configz(mesh: Mesh): unknown[] {
  const { inputs } = mesh;
  const kinds = [
    'virtualService',
    'destinationRule',
    'gateway',
    'serviceEntry',
    'workloadEntry',
    'workloadGroup',
    'sidecar',
    'peerAuthentication',
    'authorizationPolicy',
    'requestAuthentication',
    'telemetry',
    'envoyFilter',
    'proxyConfig',
  ] as const;
  return kinds.flatMap((kind) =>
    [...inputs[kind].entries()].map(([key, value]) => {
      const { namespace, name } = splitKey(key);
      return {
        kind: kind.charAt(0).toUpperCase() + kind.slice(1),
        metadata: { namespace, name },
        spec: (value as { spec?: unknown }).spec,
      };
    }),
  );
}

/** Numbers for `/debug/push_status` and the metrics. */
export function inventory(mesh: Mesh): Readonly<Record<string, number>> {
  const { inputs } = mesh;
  return {
    services: inputs.service.size,
    serviceEntries: inputs.serviceEntry.size,
    endpointSlices: inputs.endpointSlice.size,
    pods: inputs.pod.size,
    virtualServices: inputs.virtualService.size,
    destinationRules: inputs.destinationRule.size,
    gateways: inputs.gateway.size,
    problems: inputs.problems.size,
  };
}
