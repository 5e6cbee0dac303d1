// Names of endpoint sets, route tables and filters that clusters and listeners ask for, as Envoy would.
import { fromBinary } from '@bufbuild/protobuf';
import { ClusterSchema, Cluster_DiscoveryType as Discovery } from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.js';
import { HttpConnectionManagerSchema } from '../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { Encoded } from '../resource.ts';

export function references(resources: { clusters: readonly Encoded[]; listeners: readonly Encoded[] }): {
  endpoints: string[];
  routes: string[];
  extensions: string[];
} {
  const endpoints = resources.clusters.flatMap(({ body }) => {
    const cluster = fromBinary(ClusterSchema, body);
    const { clusterDiscoveryType: type } = cluster;
    if (type.case !== 'type' || type.value !== Discovery.EDS) return [];
    return [cluster.edsClusterConfig?.serviceName || cluster.name];
  });
  const filters = resources.listeners.flatMap(({ body }) => {
    const { filterChains, defaultFilterChain } = fromBinary(ListenerSchema, body);
    return [...filterChains, ...(defaultFilterChain ? [defaultFilterChain] : [])].flatMap((chain) => chain.filters);
  });
  const routes = filters.flatMap(({ configType }) => {
    if (configType.case !== 'typedConfig') return [];
    if (!configType.value.typeUrl.endsWith('.HttpConnectionManager')) return [];
    const { routeSpecifier } = fromBinary(HttpConnectionManagerSchema, configType.value.value);
    return routeSpecifier.case === 'rds' ? [routeSpecifier.value.routeConfigName] : [];
  });
  const extensions = filters.flatMap(({ name, configType }) => (configType.case === 'configDiscovery' ? [name] : []));
  return { endpoints, routes, extensions };
}
