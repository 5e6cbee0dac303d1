// EndpointSlices, Pods, Nodes and WorkloadEntries of all clusters → the endpoints behind each service port.
import type { Family, Graph, Read } from '../graph/graph.ts';
import type { EndpointSliceValue } from '../kinds/endpoint-slice.ts';
import { objectKey, splitKey } from '../kinds/object.ts';
import type { Endpoint, Locality } from '../model/endpoint.ts';
import type { Service, ServicePort } from '../model/service.ts';
import { defineEntryEndpoints } from './entry-endpoints.ts';
import type { ByNamespace, MeshInputs } from './inputs.ts';
import type { ServicePortKey } from './mesh.ts';
import type { MeshFacts } from './mesh-config.ts';
import { splitServiceId } from './services.ts';

export interface EndpointOptions {
  readonly graph: Graph;
  readonly inputs: MeshInputs;
  readonly inNamespace: ByNamespace;
  readonly facts: MeshFacts;
  readonly service: Family<string, Service | undefined>;
  readonly configCluster: string;
  readonly domain: string;
}

export interface EndpointFamilies {
  readonly endpoints: Family<ServicePortKey, readonly Endpoint[]>;
  readonly identities: Family<ServicePortKey, readonly string[]>;
}

const NOWHERE: Locality = { region: '', zone: '', subzone: '' };

export function defineEndpoints(options: EndpointOptions): EndpointFamilies {
  const { graph, inputs, facts } = options;
  const slicesOf = graph.index(inputs.endpointSlice, 'slicesByService', (slice) =>
    slice.service ? [`${slice.namespace}/${slice.service}`] : [],
  );
  const entryEndpoints = defineEntryEndpoints(options);
  // One slice with its pods and nodes joined, ports not yet applied: shared by all ports of the service.
  const joined = graph.derived('sliceEndpoints', (key: string, read) => joinSlice(read, inputs, key));

  const endpoints = graph.derived(
    'endpoints',
    (key: ServicePortKey, read): readonly Endpoint[] => {
      const service = read(options.service, key.service);
      const port = service?.ports.find((p) => p.port === key.port);
      if (!service || !port) return [];
      const keys = service.source.kind === 'Service' ? read(slicesOf, `${service.namespace}/${service.name}`) : [];
      const slices = keys.flatMap((sliceKey) => {
        const value = read(inputs.endpointSlice, sliceKey);
        return value ? [{ key: sliceKey, cluster: splitKey(sliceKey).cluster, value }] : [];
      });
      // A pod with two addresses is in a slice of either family: once is enough.
      const speaksIPv4 = new Set(slices.filter((s) => s.value.addressType === 'IPv4').map((s) => s.cluster));
      const result = slices.flatMap((slice) => {
        if (slice.value.addressType === 'IPv6' && speaksIPv4.has(slice.cluster)) return [];
        const target = targetPort(slice.value, port, service);
        return target ? read(joined, slice.key).map((e) => ({ ...e, port: target })) : [];
      });
      result.push(...read(entryEndpoints, key));
      // While slices are rearranged an endpoint may be in two of them.
      return result.sort(byPlace).filter((e, i) => i === 0 || byPlace(result[i - 1]!, e) !== 0);
    },
    { id: portKeyId },
  );

  const identities = graph.derived(
    'identities',
    (key: ServicePortKey, read): readonly string[] => {
      const domains = [read(facts.trustDomain, ''), ...read(facts.trustDomainAliases, '')];
      const accounts = new Set<string>();
      for (const e of read(endpoints, key)) {
        if (e.serviceAccount) accounts.add(`ns/${e.namespace}/sa/${e.serviceAccount}`);
      }
      const { namespace: _ } = splitServiceId(key.service);
      return [...accounts].flatMap((a) => domains.map((d) => `spiffe://${d}/${a}`)).sort();
    },
    { id: portKeyId },
  );
  return { endpoints, identities };
}

export const portKeyId = (key: ServicePortKey): string => `${key.service}:${key.port}`;

/** Endpoints of a slice that may get traffic. */
function joinSlice(read: Read, inputs: MeshInputs, key: string): readonly Endpoint[] {
  const slice = read(inputs.endpointSlice, key);
  if (!slice || slice.addressType === 'FQDN') return [];
  const { cluster } = splitKey(key);
  const clusterNetwork = read(inputs.cluster, cluster)?.network ?? '';
  return slice.endpoints
    .filter((e) => e.ready && !e.terminating)
    .flatMap((e): Endpoint[] => {
      const pod = e.pod ? read(inputs.pod, objectKey(cluster, slice.namespace, e.pod)) : undefined;
      // Slices and pods are watched apart: until the pod is known nobody can say what it speaks and who it is.
      if (e.pod && !pod) return [];
      const node = e.node || pod?.node || '';
      const labels = pod?.labels ?? NO_LABELS;
      return [
        {
          address: e.address,
          port: 0,
          cluster,
          network: labels['topology.istio.io/network'] ?? clusterNetwork,
          namespace: slice.namespace,
          workload: pod?.workload ?? '',
          instance: e.pod,
          labels,
          locality: localityOf(read, inputs, { cluster, node, zone: e.zone, label: labels['istio-locality'] }),
          serviceAccount: pod?.serviceAccount ?? '',
          tlsMode: pod?.tlsMode ?? 'disabled',
          health: 'healthy',
          weight: 0,
          hostname: e.hostname,
          node,
        },
      ];
    });
}

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

function localityOf(
  read: Read,
  inputs: MeshInputs,
  at: { cluster: string; node: string; zone: string; label: string | undefined },
): Locality {
  if (at.label) return parseLocality(at.label);
  const node = at.node ? read(inputs.node, objectKey(at.cluster, '', at.node)) : undefined;
  return node?.locality ?? NOWHERE;
}

/** `region.zone.subzone` (labels cannot hold slashes) or `region/zone/subzone`. */
export function parseLocality(written: string): Locality {
  const [region = '', zone = '', subzone = ''] = written.split(written.includes('/') ? '/' : '.');
  return { region, zone, subzone };
}

/** The port of a slice that a service port leads to: slices name their ports as the service does. */
function targetPort(slice: EndpointSliceValue, port: ServicePort, service: Service): number {
  const named = slice.ports.find((p) => p.name === port.name && p.transport !== 'SCTP');
  // A single unnamed port may have got a name in one cluster only.
  const match = named ?? (slice.ports.length === 1 && service.ports.length === 1 ? slice.ports[0] : undefined);
  return match?.port ?? 0;
}

function byPlace(a: Endpoint, b: Endpoint): number {
  return a.cluster !== b.cluster
    ? a.cluster < b.cluster
      ? -1
      : 1
    : a.address !== b.address
      ? a.address < b.address
        ? -1
        : 1
      : a.port - b.port;
}
