// Envoy's bootstrap for one proxy: who it is, where its control plane is, and the listeners that exist before any config. Pure.
import { SDS_DEFAULT, SDS_ROOT, sdsFile } from '../lib/paths.ts';
import { statsConfig } from './bootstrap-stats.ts';
import { discoveryCluster } from './bootstrap-xds.ts';
import { locality, nodeMetadata, serviceCluster } from './metadata.ts';
import { type AgentOptions, isIpv6Only } from './options.ts';

export type Json = string | number | boolean | null | undefined | readonly Json[] | { readonly [name: string]: Json };

/**
 * The bootstrap as JSON (Envoy reads proto field names). `options.xds.address` must be host:port; the SDS files that
 * it points to must exist before Envoy starts.
 */
export function envoyBootstrap(options: AgentOptions): Json {
  const ipv6 = isIpv6Only(options.addresses);
  const { localhost } = options;
  const wildcard = ipv6 ? '::' : '0.0.0.0';
  const family = ipv6 ? 'V6_ONLY' : options.addresses.some((a) => a.includes(':')) ? 'ALL' : 'V4_ONLY';
  const server = staticServer({ localhost, wildcard });

  return {
    application_log_config: options.logJson ? { log_format: { json_format: LOG_FIELDS } } : undefined,
    node: {
      id: options.nodeId,
      cluster: serviceCluster(options),
      locality: locality(options.labels),
      metadata: nodeMetadata(options) as Json,
    },
    layered_runtime: { layers: runtimeLayers(options) },
    bootstrap_extensions: [],
    stats_config: statsConfig(options),
    ...ON_DEMAND,
    overload_manager: {
      resource_monitors: [
        {
          name: 'envoy.resource_monitors.global_downstream_max_connections',
          typed_config: {
            '@type':
              'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
            max_active_downstream_connections: 2147483647,
          },
        },
      ],
    },
    admin: {
      access_log: [
        {
          name: 'envoy.access_loggers.file',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
            path: '/dev/null',
          },
        },
      ],
      profile_path: '/var/lib/istio/data/envoy.prof',
      address: socket(localhost, options.adminPort),
      // Unloaded by others in the pod only through loopback; nothing of the app depends on it.
      ignore_global_conn_limit: true,
    },
    dynamic_resources: {
      lds_config: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' },
      cds_config: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' },
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [
          {
            envoy_grpc: {
              cluster_name: 'xds-grpc',
              retry_policy: { retry_back_off: { base_interval: '0.5s', max_interval: '10s' } },
            },
          },
        ],
      },
    },
    static_resources: {
      clusters: [
        server.cluster('prometheus_stats', options.statusPort),
        server.cluster('agent', options.statusPort),
        discoveryCluster({
          address: options.xds.address,
          family,
          tls: options.xds.tls
            ? {
                serverName: options.serverName,
                certificate: { name: SDS_DEFAULT, path: sdsFile(SDS_DEFAULT, options.sdsDir) },
                roots: { name: SDS_ROOT, path: sdsFile(SDS_ROOT, options.sdsDir) },
              }
            : undefined,
        }),
      ],
      listeners: [
        // The agent gives Envoy's own statistics the names that dashboards know, so a scrape goes through it.
        server.listener({
          name: 'prometheus',
          port: options.envoyPrometheusPort,
          path: '/stats/prometheus',
          cluster: 'prometheus_stats',
          rewrite: '/stats/envoy',
        }),
        server.listener({ name: 'agent', port: options.envoyStatusPort, path: '/healthz/ready', cluster: 'agent' }),
      ],
    },
  };
}

/** A proxy knows thousands of clusters and calls a few: what it needs to call one is made when it first does. */
export const ON_DEMAND = {
  deferred_stat_options: { enable_deferred_creation_stats: true },
  cluster_manager: { enable_deferred_cluster_creation: true },
};

const LOG_FIELDS = {
  level: '%l',
  time: '%Y-%m-%dT%T.%fZ',
  scope: 'envoy %n',
  msg: '%j',
  caller: '%g:%#',
  thread: '%t',
};

function runtimeLayers(options: AgentOptions): Json {
  const values: Record<string, Json> = {
    're2.max_program_size.error_level': 32768,
    'envoy.reloadable_features.http_reject_path_with_fragment': false,
  };
  const given = options.proxyConfig.raw.runtimeValues;
  for (const [name, value] of Object.entries(typeof given === 'object' && given !== null ? given : {})) {
    // '' takes a default away; booleans come as text because the API's map holds text only.
    if (value === '') delete values[name];
    else values[name] = value === 'true' ? true : value === 'false' ? false : value;
  }
  return [
    { name: 'global config', static_layer: values },
    { name: 'admin', admin_layer: {} },
  ];
}

function socket(address: string, port: number): Json {
  return { socket_address: { address, port_value: port } };
}

interface StaticListener {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  readonly cluster: string;
  readonly rewrite?: string;
}

/** Builders of the listeners and clusters between kubelet or Prometheus and the agent. */
function staticServer(address: { localhost: string; wildcard: string }) {
  return {
    cluster: (name: string, port: number): Json => ({
      name,
      type: 'STATIC',
      connect_timeout: '0.250s',
      lb_policy: 'ROUND_ROBIN',
      load_assignment: {
        cluster_name: name,
        endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(address.localhost, port) } }] }],
      },
    }),
    listener: ({ name, port, path, cluster, rewrite }: StaticListener): Json => ({
      name: `static_${name}`,
      address: socket(address.wildcard, port),
      // Probes and scrapes must be answered however many connections the app has.
      ignore_global_conn_limit: true,
      bypass_overload_manager: true,
      filter_chains: [
        {
          filters: [
            {
              name: 'envoy.filters.network.http_connection_manager',
              typed_config: {
                '@type':
                  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                codec_type: 'AUTO',
                stat_prefix: name,
                generate_request_id: false,
                route_config: {
                  virtual_hosts: [
                    {
                      name: 'backend',
                      domains: ['*'],
                      routes: [
                        {
                          match: { path },
                          route: { cluster, timeout: '10s', ...(rewrite && { prefix_rewrite: rewrite }) },
                        },
                      ],
                    },
                  ],
                },
                http_filters: [
                  {
                    name: 'envoy.filters.http.router',
                    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                  },
                ],
              },
            },
          ],
        },
      ],
    }),
  };
}
