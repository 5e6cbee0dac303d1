// Endpoints that ServiceEntries list or select, and WorkloadEntries that Services select.

import type { WorkloadEntry } from '../gen/networking/v1alpha3/workload_entry_pb.js';
import type { Family } from '../graph/graph.ts';
import { objectKey, splitKey } from '../kinds/object.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { Service, ServicePort } from '../model/service.ts';
import { type EndpointOptions, parseLocality, portKeyId } from './endpoints.ts';
import type { ServicePortKey } from './mesh.ts';

type Labels = Readonly<Record<string, string>>;

/** Whether a workload's labels carry all that a selector asks for. */
export function selects(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

/** Endpoints of a service port that come from Istio objects and not from EndpointSlices. */
export function defineEntryEndpoints(options: EndpointOptions): Family<ServicePortKey, readonly Endpoint[]> {
  const { graph, inputs, inNamespace } = options;
  return graph.derived(
    'entryEndpoints',
    (key: ServicePortKey, read): readonly Endpoint[] => {
      const service = read(options.service, key.service);
      const port = service?.ports.find((p) => p.port === key.port);
      if (!service || !port) return [];
      const fromEntry = service.source.kind === 'ServiceEntry';
      const selectors = Object.values(service.selectors);
      const networkOf = (cluster: string) => read(inputs.cluster, cluster)?.network ?? '';
      const own = options.configCluster;
      const result: Endpoint[] = [];
      if (selectors.length > 0) {
        const selector = service.selectors[fromEntry ? '' : own] ?? selectors[0]!;
        for (const entryKey of read(inNamespace.workloadEntry, service.namespace)) {
          const entry = read(inputs.workloadEntry, entryKey);
          if (!entry || !selects(selector, { ...entry.meta.labels, ...entry.spec.labels })) continue;
          result.push(
            fromEntrySpec({
              spec: entry.spec,
              name: entry.meta.name,
              labels: entry.meta.labels,
              service,
              port,
              own,
              networkOf,
            }),
          );
        }
        if (fromEntry) {
          for (const podKey of read(inNamespace.pod, service.namespace)) {
            const pod = read(inputs.pod, podKey);
            if (!pod?.ip || !pod.ready || pod.terminating || !selects(selector, pod.labels)) continue;
            const { cluster } = splitKey(podKey);
            const node = pod.node ? read(inputs.node, objectKey(cluster, '', pod.node)) : undefined;
            result.push({
              address: pod.ip,
              port: Number(port.targetPort) || pod.ports[port.targetPort] || port.port,
              cluster,
              network: pod.labels['topology.istio.io/network'] ?? networkOf(cluster),
              namespace: pod.namespace,
              workload: pod.workload,
              instance: pod.name,
              labels: pod.labels,
              locality: node?.locality ?? parseLocality(''),
              serviceAccount: pod.serviceAccount,
              tlsMode: pod.tlsMode,
              health: 'healthy',
              weight: 0,
              hostname: '',
              node: pod.node,
            });
          }
        }
      }
      if (fromEntry && selectors.length === 0) {
        const { cluster, namespace, name } = service.source;
        const entry = read(inputs.serviceEntry, objectKey(cluster, namespace, name));
        for (const spec of entry?.spec.endpoints ?? []) {
          result.push(fromEntrySpec({ spec, name: '', labels: {}, service, port, own, networkOf }));
        }
        // Without endpoints the host itself is what DNS resolves.
        if (result.length === 0 && (service.resolution === 'dns' || service.resolution === 'dns-round-robin')) {
          result.push(hostItself(service, port));
        }
      }
      return result;
    },
    { id: portKeyId },
  );
}

function fromEntrySpec(options: {
  spec: WorkloadEntry;
  name: string;
  labels: Labels;
  service: Service;
  port: ServicePort;
  own: string;
  networkOf: (cluster: string) => string;
}): Endpoint {
  const { spec, service, port, own } = options;
  const labels = { ...options.labels, ...spec.labels };
  const cluster = labels['topology.istio.io/cluster'] ?? own;
  const tlsMode = labels['security.istio.io/tlsMode'] === 'istio' && !spec.address.startsWith('unix://');
  return {
    address: spec.address || service.host,
    port: spec.ports[port.name] ?? (Number(port.targetPort) || port.port),
    cluster,
    network: spec.network || (labels['topology.istio.io/network'] ?? options.networkOf(cluster)),
    namespace: service.namespace,
    workload: labels['service.istio.io/workload-name'] ?? options.name,
    instance: options.name,
    labels,
    locality: parseLocality(spec.locality),
    serviceAccount: spec.serviceAccount,
    tlsMode: tlsMode ? 'istio' : 'disabled',
    health: 'healthy',
    weight: spec.weight,
    hostname: '',
    node: '',
  };
}

function hostItself(service: Service, port: ServicePort): Endpoint {
  return {
    address: service.host,
    port: Number(port.targetPort) || port.port,
    cluster: '',
    network: '',
    namespace: service.namespace,
    workload: '',
    instance: '',
    labels: {},
    locality: parseLocality(''),
    serviceAccount: '',
    tlsMode: 'disabled',
    health: 'healthy',
    weight: 0,
    hostname: '',
    node: '',
  };
}
