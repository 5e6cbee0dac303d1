// Forwards opaque connections to one destination, or to several by weight.
import type { AccessLog } from '../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import type { FilterSchema } from '../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { TcpProxySchema } from '../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import type { Destination, WeightedDestination } from '../../model/route.ts';
import { extension, type Init } from '../any.ts';

/** Name of the cluster for a destination; `port` is the one that the caller used. */
export type ClusterNamer = (destination: Destination, port: number) => string;

/** Destinations of weight 0 get nothing, unless there is only one. */
export function forwardTo(
  destinations: readonly WeightedDestination[],
  port: number,
  clusterOf: ClusterNamer,
  accessLog: readonly AccessLog[],
): Init<typeof FilterSchema> {
  const chosen = chosenOf(destinations);
  const names = chosen.map(({ destination }) => clusterOf(destination, port));
  const [only] = names;
  return extension('envoy.filters.network.tcp_proxy', TcpProxySchema, {
    statPrefix: only ?? 'BlackHoleCluster',
    clusterSpecifier:
      names.length > 1
        ? {
            case: 'weightedClusters',
            value: { clusters: names.map((name, index) => ({ name, weight: chosen[index]!.weight })) },
          }
        : { case: 'cluster', value: only ?? 'BlackHoleCluster' },
    accessLog: [...accessLog],
  });
}

/** Those that get connections. */
export function chosenOf(destinations: readonly WeightedDestination[]): readonly WeightedDestination[] {
  const weighted = destinations.filter(({ weight }) => weight > 0);
  return weighted.length > 0 ? weighted : destinations.slice(0, 1);
}
