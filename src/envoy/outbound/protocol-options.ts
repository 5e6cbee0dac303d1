// Which HTTP version a cluster speaks, and the limits of its HTTP connections.
import type { ClusterSchema } from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import type { HttpProtocolOptionsSchema as CommonOptions } from '../../gen/envoy/config/core/v3/protocol_pb.js';
import { HttpProtocolOptionsSchema } from '../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { isHttp } from '../../ingest/protocol.ts';
import type { OutboundCluster } from '../../view/outbound-cluster.ts';
import { any, duration, type Init } from '../any.ts';

const NAME = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

type Options = Init<typeof HttpProtocolOptionsSchema>;

/** HTTP/1.1 needs no options and gets none; `auto` and useClientProtocol follow what the caller spoke. */
export function protocolOptions(c: OutboundCluster): Init<typeof ClusterSchema> {
  const { pool } = c.policy;
  const common = commonOptions(c);
  const streams = pool?.maxConcurrentStreams;
  const http2 = streams ? { maxConcurrentStreams: streams } : {};
  const follow = c.protocol === 'auto' || (pool?.useClientProtocol && isHttp(c.protocol));
  let version: Options['upstreamProtocolOptions'];
  if (follow) {
    version = { case: 'useDownstreamProtocolConfig', value: { httpProtocolOptions: {}, http2ProtocolOptions: http2 } };
  } else if (c.http2) {
    version = {
      case: 'explicitHttpConfig',
      value: { protocolConfig: { case: 'http2ProtocolOptions', value: http2 } },
    };
  } else if (common && isHttp(c.protocol)) {
    version = { case: 'explicitHttpConfig', value: { protocolConfig: { case: 'httpProtocolOptions', value: {} } } };
  } else {
    return {};
  }
  return {
    typedExtensionProtocolOptions: {
      [NAME]: any(HttpProtocolOptionsSchema, {
        upstreamProtocolOptions: version,
        ...(common && { commonHttpProtocolOptions: common }),
      }),
    },
  };
}

function commonOptions({ policy: { pool } }: OutboundCluster): Init<typeof CommonOptions> | undefined {
  const requests = pool?.maxRequestsPerConnection;
  const idle = pool?.httpIdleTimeoutMs;
  const life = pool?.maxConnectionDurationMs;
  if (requests === undefined && idle === undefined && life === undefined) return undefined;
  return {
    ...(requests !== undefined && { maxRequestsPerConnection: requests }),
    ...(idle !== undefined && { idleTimeout: duration(idle) }),
    ...(life !== undefined && { maxConnectionDuration: duration(life) }),
  };
}
