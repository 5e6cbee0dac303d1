// Clusters and endpoint sets of AUTO_PASSTHROUGH: mesh traffic of other networks is led on by the server name that it asks for.
import { fromBinary } from '@bufbuild/protobuf';
import { ClusterSchema } from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterLoadAssignmentSchema } from '../../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { serverNames } from '../../view/gateway.ts';
import { hostCovers } from '../../view/hosts.ts';
import { outboundCluster, outboundSni, parseOutboundCluster } from '../../view/names.ts';
import { clusterOf } from '../outbound/cluster.ts';
import { takesMeshTls } from '../outbound/load-assignment.ts';
import { type Encoded, encode, type Part, type ScopedName, sameEncoded, scopedNameId } from '../resource.ts';
import type { GatewayPartsOptions } from './parts.ts';
import { type GatewayViews, gatewayScopes } from './views.ts';

/** One cluster for every port and subset of the services that such a server's hosts cover, named `outbound_.80_._.host`. */
export function sniParts(options: GatewayPartsOptions, views: GatewayViews): { clusters: Part; endpoints: Part } {
  return { clusters: clusterPart(options, views), endpoints: endpointPart(options) };
}

function clusterPart({ graph, mesh, outbound }: GatewayPartsOptions, views: GatewayViews): Part {
  const { services, clusters } = outbound;
  const names = graph.derived('gatewaySniClusters', (scope: string, read): readonly string[] => {
    if (scope === '') return [];
    const patterns = read(views.listeners, scope).flatMap(({ servers }) =>
      servers.flatMap(({ server }) => (server.tls?.mode === 'auto-passthrough' ? serverNames(server) : [])),
    );
    if (patterns.length === 0) return [];
    const { outbound: reach } = gatewayScopes(scope);
    return read(services.visible, reach)
      .flatMap((service) => {
        const host = service.slice(service.indexOf('/') + 1);
        if (!patterns.some((pattern) => hostCovers(pattern, host))) return [];
        const ports = read(services.lookup, { scope: reach, host })?.ports ?? [];
        const subsets = read(clusters.subsets, { scope: reach, service });
        return ports
          .filter(({ protocol }) => protocol !== 'udp')
          .flatMap(({ port }) => subsets.map((subset) => outboundSni({ port, subset, host })));
      })
      .sort();
  });
  return {
    name: 'gateway clusters by server name',
    scope: views.scope,
    list: names,
    get: graph.derived(
      'gatewaySniCluster',
      ({ scope, name }: ScopedName, read): Encoded | undefined => {
        const target = targetOf(name);
        if (scope === '' || !target) return undefined;
        const cluster = read(clusters.cluster, { scope: gatewayScopes(scope).outbound, ...target });
        if (cluster?.resolution !== 'static') return undefined;
        // The connection is the caller's own TLS: it is passed on as it is.
        const plain = { ...cluster, tls: { kind: 'none' as const } };
        const made = clusterOf({
          cluster: plain,
          sdsDir: '',
          nearCluster: mesh.configCluster,
          localityWeighted: false,
        });
        return encode(name, ClusterSchema, { ...made, name });
      },
      { id: scopedNameId, equal: sameEncoded },
    ),
  };
}

/** The endpoints of the service under the cluster's name; only those that speak the mesh's TLS can take what arrives here. */
function endpointPart({ graph, outboundEndpoints }: GatewayPartsOptions): Part {
  return {
    name: 'gateway endpoints by server name',
    scope: graph.derived('gatewaySniScope', (id: string, read) =>
      JSON.stringify(outboundEndpoints.map((part) => read(part.scope, id))),
    ),
    get: graph.derived(
      'gatewaySniEndpoints',
      ({ scope, name }: ScopedName, read): Encoded | undefined => {
        const target = targetOf(name);
        if (!target) return undefined;
        const scopes: string[] = JSON.parse(scope);
        for (const [index, part] of outboundEndpoints.entries()) {
          const found = read(part.get, { scope: scopes[index]!, name: outboundCluster(target) });
          if (!found) continue;
          const assignment = fromBinary(ClusterLoadAssignmentSchema, found.body);
          const endpoints = assignment.endpoints.filter(takesMeshTls);
          return encode(name, ClusterLoadAssignmentSchema, { ...assignment, clusterName: name, endpoints });
        }
        return undefined;
      },
      { id: scopedNameId, equal: sameEncoded },
    ),
  };
}

/** `outbound_.80_.v1_.host` → port, subset and host. */
function targetOf(name: string) {
  if (!name.startsWith('outbound_.')) return undefined;
  return parseOutboundCluster(name.replace('_.', '|').replace('_.', '|').replace('_.', '|'));
}
