// Listener filters that look at the first bytes of a connection.
import type { ListenerFilterSchema } from '../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { HttpInspectorSchema } from '../../gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js';
import { TlsInspectorSchema } from '../../gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';
import { extension, type Init } from '../any.ts';

/** Finds the server name and application protocols of a TLS handshake. */
export function tlsInspector(): Init<typeof ListenerFilterSchema> {
  return extension('envoy.filters.listener.tls_inspector', TlsInspectorSchema, {});
}

/** Tells HTTP from other plaintext. */
export function httpInspector(): Init<typeof ListenerFilterSchema> {
  return extension('envoy.filters.listener.http_inspector', HttpInspectorSchema, {});
}
