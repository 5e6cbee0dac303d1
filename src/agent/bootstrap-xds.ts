// The bootstrap cluster `xds-grpc`: Envoy's own connection to the control plane, proven by the workload's certificate. Pure.
import type { Json } from './bootstrap.ts';
import { hostOf, portOf } from './metadata.ts';

export interface DiscoveryOptions {
  /** host:port of the control plane. */
  readonly address: string;
  readonly family: 'V4_ONLY' | 'V6_ONLY' | 'ALL';
  /** Absent: plaintext. */
  readonly tls?: {
    /** The DNS name that the server must prove; by default the host that is called. */
    readonly serverName?: string;
    readonly certificate: { readonly name: string; readonly path: string };
    readonly roots: { readonly name: string; readonly path: string };
  };
}

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** Names resolve again every few seconds, so a moved control plane or east-west gateway is found without a restart. */
export function discoveryCluster(options: DiscoveryOptions): Json {
  const host = hostOf(options.address);
  return {
    name: 'xds-grpc',
    cluster_type: {
      name: 'envoy.clusters.dns',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster',
        dns_refresh_rate: '5s',
        dns_failure_refresh_rate: { base_interval: '0.5s', max_interval: '5s' },
        dns_lookup_family: options.family,
      },
    },
    connect_timeout: '1s',
    lb_policy: 'ROUND_ROBIN',
    circuit_breakers: {
      thresholds: ['DEFAULT', 'HIGH'].map((priority) => ({
        priority,
        max_connections: 100000,
        max_pending_requests: 100000,
        max_requests: 100000,
      })),
    },
    upstream_connection_options: { tcp_keepalive: { keepalive_probes: 3, keepalive_time: 30, keepalive_interval: 10 } },
    typed_extension_protocol_options: {
      [HTTP_OPTIONS]: {
        '@type': `type.googleapis.com/${HTTP_OPTIONS}`,
        // The stream is long-lived and silent; without pings a vanished peer is noticed only by the kernel.
        explicit_http_config: {
          http2_protocol_options: { connection_keepalive: { interval: '30s', timeout: '10s' } },
        },
      },
    },
    load_assignment: {
      cluster_name: 'xds-grpc',
      endpoints: [
        {
          lb_endpoints: [
            { endpoint: { address: { socket_address: { address: host, port_value: portOf(options.address) } } } },
          ],
        },
      ],
    },
    transport_socket: options.tls && transportSocket(options.tls.serverName ?? host, options.tls),
  };
}

function transportSocket(serverName: string, tls: NonNullable<DiscoveryOptions['tls']>): Json {
  const secret = ({ name, path }: { name: string; path: string }): Json => ({
    name,
    sds_config: { path_config_source: { path }, resource_api_version: 'V3' },
  });
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      sni: serverName,
      common_tls_context: {
        alpn_protocols: ['h2'],
        tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
        tls_certificate_sds_secret_configs: [secret(tls.certificate)],
        combined_validation_context: {
          default_validation_context: {
            match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: serverName } }],
          },
          validation_context_sds_secret_config: secret(tls.roots),
        },
      },
    },
  };
}
