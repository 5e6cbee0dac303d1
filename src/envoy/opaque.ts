// Marks connections that turned out not to be HTTP on the way to a port that may carry either.
import type { FilterSchema } from '../gen/envoy/config/listener/v3/listener_components_pb.js';
import { FilterStateValue_SharedWithUpstream as Shared } from '../gen/envoy/extensions/filters/common/set_filter_state/v3/value_pb.js';
import { ConfigSchema } from '../gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.js';
import { extension, type Init } from './any.ts';
import { MESH_ALPN } from './tls.ts';

/**
 * A network filter: mutual TLS of such a connection offers the application protocols of opaque ones. The cluster of a port
 * of unknown protocol offers those of HTTP, by which the other side knows that it may read requests; only the listener
 * knows that these bytes are none.
 */
export function opaqueConnection(): Init<typeof FilterSchema> {
  return extension('envoy.filters.network.set_filter_state', ConfigSchema, {
    onNewConnection: [
      {
        key: { case: 'objectKey', value: 'envoy.network.application_protocols' },
        value: {
          case: 'formatString',
          value: {
            format: {
              case: 'textFormatSource',
              value: { specifier: { case: 'inlineString', value: MESH_ALPN.tcp.join() } },
            },
          },
        },
        sharedWithUpstream: Shared.ONCE,
      },
    ],
  });
}
