// Names of endpoint sets and route tables that clusters and listeners ask for, as Envoy would.
import { fromBinary } from '@bufbuild/protobuf';
import { ClusterSchema, Cluster_DiscoveryType as Discovery } from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.js';
import { HttpConnectionManagerSchema } from '../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { Encoded } from '../resource.ts';

export function references(resources: { clusters: readonly Encoded[]; listeners: readonly Encoded[] }): {
  endpoints: string[];
  routes: string[];
} {
  const endpoints = resources.clusters.flatMap(({ body }) => {
    const cluster = fromBinary(ClusterSchema, body);
    const { clusterDiscoveryType: type } = cluster;
    if (type.case !== 'type' || type.value !== Discovery.EDS) return [];
    return [cluster.edsClusterConfig?.serviceName || cluster.name];
  });
  const routes = resources.listeners.flatMap(({ body }) => {
    const listener = fromBinary(ListenerSchema, body);
    const chains = [...listener.filterChains, ...(listener.defaultFilterChain ? [listener.defaultFilterChain] : [])];
    return chains.flatMap((chain) =>
      chain.filters.flatMap(({ configType }) => {
        if (configType.case !== 'typedConfig') return [];
        if (!configType.value.typeUrl.endsWith('.HttpConnectionManager')) return [];
        const { routeSpecifier } = fromBinary(HttpConnectionManagerSchema, configType.value.value);
        return routeSpecifier.case === 'rds' ? [routeSpecifier.value.routeConfigName] : [];
      }),
    );
  });
  return { endpoints, routes };
}
