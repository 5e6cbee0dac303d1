// Outbound clusters: one for each port of each visible service and of each of its subsets that something can lead to, and the
// two for everything else.
import { ClusterSchema } from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { isHttp } from '../../ingest/protocol.ts';
import { splitServiceId } from '../../ingest/services.ts';
import { BLACK_HOLE, outboundCluster, PASSTHROUGH, parseOutboundCluster } from '../../view/names.ts';
import { parseScope } from '../../view/outbound-scope.ts';
import { type ScopedNamespace, scopedNamespaceId } from '../../view/outbound-services.ts';
import { type Encoded, encode, type Part, type ScopedName, sameEncoded, scopedNameId } from '../resource.ts';
import { clusterOf } from './cluster.ts';
import type { OutboundContext } from './context.ts';
import { blackHole, passthrough } from './fallback-clusters.ts';

export function outboundClustersPart(context: OutboundContext): Part {
  const { graph, mesh, scopes, services, clusters } = context;
  // Names of one service: a change of its rule touches this and, unless subsets come or go, nothing behind it.
  const namesOf = graph.derived(
    'clusterNamesOf',
    ({ scope, service }: { scope: string; service: string }, read): readonly string[] => {
      const { host } = splitServiceId(service);
      const ports = read(services.lookup, { scope, host })?.ports ?? [];
      const subsets = read(clusters.subsets, { scope, service });
      return ports
        .filter((p) => p.protocol !== 'udp')
        .flatMap(({ port, protocol }) => {
          const routed = isHttp(protocol) || protocol === 'auto';
          // Few subsets are meant for opaque ports, where only a rule that names them leads to them.
          return subsets
            .filter((subset) => routed || subset === '' || read(mesh.subsetUsed, { host, subset, port }))
            .map((subset) => outboundCluster({ port, subset, host }));
        });
    },
    { id: ({ scope, service }) => [scope, service] },
  );

  const namesIn = graph.derived(
    'clusterNamesIn',
    ({ scope, namespace }: ScopedNamespace, read): readonly string[] =>
      read(services.visibleIn, { scope, namespace }).flatMap((service) => read(namesOf, { scope, service })),
    { id: scopedNamespaceId },
  );

  return {
    name: 'outbound clusters',
    scope: scopes.clusters,
    list: graph.derived('outboundClusterNames', (own: string, read): readonly string[] => {
      const { base: scope = '' } = parseScope(own);
      // Gateways list what something leads to; the rest of the mesh is none of their business.
      if (parseScope(scope).router) return [BLACK_HOLE];
      const names = read(services.namespaces, scope).flatMap((namespace) => read(namesIn, { scope, namespace }));
      return [...names, BLACK_HOLE, PASSTHROUGH];
    }),
    get: graph.derived(
      'outboundClusterResource',
      ({ scope: own, name }: ScopedName, read): Encoded | undefined => {
        const { base: scope = '', uncounted = false } = parseScope(own);
        if (name === BLACK_HOLE) return encode(name, ClusterSchema, blackHole());
        if (name === PASSTHROUGH) return encode(name, ClusterSchema, passthrough(read(mesh.connectTimeoutMs, '')));
        const parsed = parseOutboundCluster(name);
        const cluster = parsed && read(clusters.cluster, { scope, ...parsed });
        if (!cluster) return undefined;
        const { sdsDir = '' } = parseScope(scope);
        return encode(
          name,
          ClusterSchema,
          clusterOf({
            cluster,
            sdsDir,
            nearCluster: mesh.configCluster,
            localityWeighted: isWeighted(cluster.policy),
            uncounted,
          }),
        );
      },
      { id: scopedNameId, equal: sameEncoded },
    ),
  };
}

/** Shares among localities only work with Envoy's weighted balancing. */
function isWeighted(policy: { locality?: { enabled: boolean; distribute: readonly unknown[] } }): boolean {
  return policy.locality?.enabled === true && policy.locality.distribute.length > 0;
}
