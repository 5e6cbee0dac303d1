// Clusters for destinations that are not services: refused, or forwarded to where the application wanted to go.
import {
  type ClusterSchema,
  Cluster_DiscoveryType as Discovery,
  Cluster_LbPolicy as LbPolicy,
} from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { HttpProtocolOptionsSchema } from '../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { BLACK_HOLE, PASSTHROUGH } from '../../view/names.ts';
import { any, duration, type Init } from '../any.ts';
import { circuitBreakers } from './circuit-breakers.ts';

/** No endpoints, ever: whoever is sent here is refused. */
export function blackHole(): Init<typeof ClusterSchema> {
  return {
    name: BLACK_HOLE,
    clusterDiscoveryType: { case: 'type', value: Discovery.STATIC },
    connectTimeout: duration(10_000),
    lbPolicy: LbPolicy.ROUND_ROBIN,
  };
}

/** To the address that the application dialled, in the HTTP version that it spoke. */
export function passthrough(connectTimeoutMs: number): Init<typeof ClusterSchema> {
  return {
    name: PASSTHROUGH,
    clusterDiscoveryType: { case: 'type', value: Discovery.ORIGINAL_DST },
    connectTimeout: duration(connectTimeoutMs),
    lbPolicy: LbPolicy.CLUSTER_PROVIDED,
    circuitBreakers: circuitBreakers(undefined),
    typedExtensionProtocolOptions: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': any(HttpProtocolOptionsSchema, {
        commonHttpProtocolOptions: { idleTimeout: duration(300_000) },
        upstreamProtocolOptions: {
          case: 'useDownstreamProtocolConfig',
          value: { httpProtocolOptions: {}, http2ProtocolOptions: {} },
        },
      }),
    },
  };
}
