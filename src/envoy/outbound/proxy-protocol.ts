// PROXY protocol towards an upstream: a transport socket around the one that would be used otherwise.
import type { ClusterSchema } from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import type { TransportSocket } from '../../gen/envoy/config/core/v3/base_pb.js';
import { ProxyProtocolConfig_Version as Version } from '../../gen/envoy/config/core/v3/proxy_protocol_pb.js';
import { ProxyProtocolUpstreamTransportSchema } from '../../gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js';
import { RawBufferSchema } from '../../gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js';
import { extension, type Init } from '../any.ts';

export function withProxyProtocol(
  version: 'v1' | 'v2' | undefined,
  inner: TransportSocket | undefined,
): Init<typeof ClusterSchema> {
  if (!version) return inner ? { transportSocket: inner } : {};
  return {
    transportSocket: extension(
      'envoy.transport_sockets.upstream_proxy_protocol',
      ProxyProtocolUpstreamTransportSchema,
      {
        config: { version: version === 'v2' ? Version.V2 : Version.V1 },
        transportSocket: inner ?? extension('envoy.transport_sockets.raw_buffer', RawBufferSchema, {}),
      },
    ),
  };
}
