// Endpoints as Envoy gets them. There is one for every pod of every service in every proxy, so each byte counts.
import { HealthStatus } from '../../gen/envoy/config/core/v3/health_check_pb.js';
import type {
  LbEndpointSchema,
  LocalityLbEndpoints,
  LocalityLbEndpointsSchema,
} from '../../gen/envoy/config/endpoint/v3/endpoint_components_pb.js';
import type { ClusterLoadAssignmentSchema } from '../../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { telemetryIdentity } from '../../lib/telemetry-identity.ts';
import { type Surroundings, serviceOf, writeWorkload } from '../../lib/workload-text.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import type { EndpointGroup } from '../../view/endpoint-groups.ts';
import { groupByLocality } from '../../view/endpoint-groups.ts';
import { parseOutboundCluster } from '../../view/names.ts';
import type { OutboundCluster } from '../../view/outbound-cluster.ts';
import type { Init } from '../any.ts';

type Assignment = Init<typeof ClusterLoadAssignmentSchema>;

/** Endpoints that are part of the cluster, because Envoy resolves their names itself. */
export function inlineEndpoints(name: string, cluster: OutboundCluster, nearCluster: string): Assignment {
  return loadAssignment(name, groupByLocality(cluster.dnsEndpoints), nearCluster);
}

/** `nearCluster` is the one whose endpoints need not name it, because the metrics of all proxies do. */
export function loadAssignment(name: string, groups: readonly EndpointGroup[], nearCluster: string): Assignment {
  const near = { ...serviceOf(parseOutboundCluster(name)?.host ?? ''), cluster: nearCluster };
  return { clusterName: name, endpoints: groups.map((group) => localityEndpoints(group, near)) };
}

/**
 * Envoy takes a known address into another group without looking at that group's metadata, unless the locality differs: so
 * endpoints that do not speak the mesh's TLS are in a locality of their own. Otherwise one that begins or ceases to speak it
 * would be called in the old way for ever.
 */
const PLAINTEXT = '~plaintext';

/** Where Envoy looks for what an endpoint's transport socket is chosen by. */
const SOCKET_MATCH = 'envoy.transport_socket_match';
/** The mark of endpoints that do not take the mesh's TLS. */
export const PLAINTEXT_MARK = { tlsMode: 'disabled' } as const;

/** Whether a group of endpoints takes the mesh's TLS. */
export function takesMeshTls({ metadata }: Pick<LocalityLbEndpoints, 'metadata'>): boolean {
  return metadata?.filterMetadata[SOCKET_MATCH] === undefined;
}

function localityEndpoints(group: EndpointGroup, near: Surroundings): Init<typeof LocalityLbEndpointsSchema> {
  const { region, zone, subzone } = group.locality;
  const plaintext = group.tlsMode !== 'istio';
  const subZone = plaintext ? `${subzone}${PLAINTEXT}` : subzone;
  return {
    ...((region || zone || subZone) && { locality: { region, zone, subZone } }),
    lbEndpoints: group.endpoints.map((e) => lbEndpoint(e, near)),
    ...(group.weight > 0 && { loadBalancingWeight: group.weight }),
    ...(group.priority > 0 && { priority: group.priority }),
    // Said once for the group and not for each endpoint; Envoy falls back from one to the other. Most endpoints speak the mesh's
    // TLS and need say nothing.
    ...(plaintext && { metadata: { filterMetadata: { [SOCKET_MATCH]: PLAINTEXT_MARK } } }),
  };
}

function lbEndpoint(e: Endpoint, near: Surroundings): Init<typeof LbEndpointSchema> {
  const text = writeWorkload(telemetryIdentity(e), near);
  return {
    hostIdentifier: {
      case: 'endpoint',
      value: {
        address: e.address.startsWith('unix://')
          ? { address: { case: 'pipe', value: { path: e.address.slice('unix://'.length) } } }
          : {
              address: {
                case: 'socketAddress',
                value: { address: e.address, portSpecifier: { case: 'portValue', value: e.port } },
              },
            },
        // The workload's names, for metrics: shorter than metadata, and nothing else uses the host name of an endpoint.
        ...(text && { hostname: text }),
      },
    },
    ...(e.health !== 'healthy' && {
      healthStatus: e.health === 'draining' ? HealthStatus.DRAINING : HealthStatus.UNHEALTHY,
    }),
    ...(e.weight > 0 && { loadBalancingWeight: e.weight }),
  };
}
