import { expect, test } from 'vitest';
import { createSelfSigned } from '../../ca/authority.ts';
import { ManualClock } from '../../lib/clock.ts';
import { camelCase } from './camel-case.ts';
import { clusterTable, filterClusters, parseClusterName } from './clusters.ts';
import { readDump } from './dump.ts';
import { endpointsOfDump, endpointsOfStatus, endpointTable, filterEndpoints } from './endpoints.ts';
import { filterListeners, listenerTable } from './listeners.ts';
import { filterRoutes, routeTable } from './routes.ts';
import { secretTable } from './secrets.ts';

const address = (host: string, port: number) => ({ socket_address: { address: host, port_value: port } });
const http = (config: object) => ({
  name: 'envoy.filters.network.http_connection_manager',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    ...config,
  },
});
const tcp = (cluster: string) => ({
  name: 'envoy.filters.network.tcp_proxy',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', cluster },
});
const istio = (config: string) => ({ filter_metadata: { istio: { config } } });

const dump = readDump(
  JSON.stringify({
    configs: [
      { '@type': 'type.googleapis.com/envoy.admin.v3.BootstrapConfigDump', bootstrap: { node: { id: 'n' } } },
      {
        '@type': 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump',
        static_clusters: [
          {
            cluster: {
              name: 'xds-grpc',
              type: 'STATIC',
              load_assignment: {
                cluster_name: 'xds-grpc',
                endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: './XDS' } } } }] }],
              },
            },
          },
        ],
        dynamic_active_clusters: [
          {
            cluster: {
              name: 'outbound|80|v2|b.n.svc',
              type: 'EDS',
              metadata: istio('/apis/networking.istio.io/v1/namespaces/n/destination-rule/rule'),
            },
          },
          { cluster: { name: 'outbound|80||b.n.svc', type: 'EDS' } },
          { cluster: { name: 'inbound|8080||', type: 'ORIGINAL_DST' } },
        ],
        dynamic_warming_clusters: [{ cluster: { name: 'outbound_.443_._.a.n.svc', type: 'EDS' } }],
      },
      {
        '@type': 'type.googleapis.com/envoy.admin.v3.ListenersConfigDump',
        dynamic_listeners: [
          {
            active_state: {
              listener: {
                address: address('0.0.0.0', 80),
                filter_chains: [{ filters: [http({ rds: { route_config_name: '80' } })] }],
              },
            },
          },
          {
            active_state: {
              listener: {
                address: address('0.0.0.0', 15006),
                filter_chains: [
                  { filter_chain_match: { destination_port: 15006 }, filters: [tcp('BlackHoleCluster')] },
                  {
                    filter_chain_match: {
                      transport_protocol: 'tls',
                      application_protocols: ['istio-peer-exchange', 'istio'],
                      prefix_ranges: [{ address_prefix: '0.0.0.0', prefix_len: 0 }],
                    },
                    filters: [tcp('InboundPassthroughCluster')],
                  },
                  {
                    filter_chain_match: { server_names: ['x.y'], destination_port: 8080 },
                    filters: [
                      http({
                        route_config: {
                          virtual_hosts: [
                            {
                              domains: ['*'],
                              routes: [{ match: { prefix: '/' }, route: { cluster: 'inbound|8080||' } }],
                            },
                          ],
                        },
                      }),
                    ],
                  },
                ],
              },
            },
          },
        ],
        static_listeners: [
          {
            listener: {
              address: address('0.0.0.0', 15021),
              filter_chains: [
                {
                  filters: [
                    http({
                      route_config: {
                        virtual_hosts: [
                          {
                            domains: ['a', 'b'],
                            routes: [{ match: { path: '/x' } }, { match: { safe_regex: { regex: '.*' } } }],
                          },
                        ],
                      },
                    }),
                  ],
                },
              ],
            },
          },
        ],
      },
      {
        '@type': 'type.googleapis.com/envoy.admin.v3.RoutesConfigDump',
        dynamic_route_configs: [
          {
            route_config: {
              name: '9080',
              virtual_hosts: [
                {
                  name: 'b:9080',
                  domains: ['b', 'b:9080', 'b.n', 'b.n:9080', '10.0.0.1', '10.0.0.1:9080'],
                  routes: [
                    {
                      match: { prefix: '/api' },
                      metadata: istio('/apis/networking.istio.io/v1/namespaces/n/virtual-service/vs'),
                    },
                    { match: { prefix: '/' } },
                  ],
                },
              ],
            },
          },
          { route_config: { name: '80', virtual_hosts: [] } },
        ],
      },
      {
        '@type': 'type.googleapis.com/envoy.admin.v3.EndpointsConfigDump',
        dynamic_endpoint_configs: [
          {
            endpoint_config: {
              cluster_name: 'outbound|80||b.n.svc',
              endpoints: [
                {
                  locality: { region: 'r', zone: 'z' },
                  lb_endpoints: [{ health_status: 'UNHEALTHY', endpoint: { address: address('10.0.0.2', 8080) } }],
                },
              ],
            },
          },
        ],
      },
    ],
  }),
);

const lines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/ {2,}/g, ' | '));

test('cluster names in both spellings', () => {
  expect(parseClusterName('outbound_.443_.v1_.a.n.svc')).toEqual({
    direction: 'outbound',
    port: 443,
    subset: 'v1',
    fqdn: 'a.n.svc',
  });
  expect(parseClusterName('xds-grpc')).toEqual({ direction: '', port: 0, subset: '', fqdn: 'xds-grpc' });
});

test('clusters, with the rule behind them', () => {
  expect(lines(clusterTable(filterClusters(dump.clusters, {})))).toEqual([
    'SERVICE FQDN | PORT | SUBSET | DIRECTION | TYPE | DESTINATION RULE',
    ' | 8080 | - | inbound | ORIGINAL_DST',
    'a.n.svc | 443 | - | outbound | EDS',
    'b.n.svc | 80 | - | outbound | EDS',
    'b.n.svc | 80 | v2 | outbound | EDS | rule.n',
    'xds-grpc | - | - | - | STATIC',
  ]);
  const names = (filter: object) => filterClusters(dump.clusters, filter).map(({ name }) => name);
  expect(names({ fqdn: 'b.n.svc', subset: 'v2' })).toEqual(['outbound|80|v2|b.n.svc']);
  expect(names({ port: 443 })).toEqual(['outbound_.443_._.a.n.svc']);
  expect(names({ direction: 'inbound' })).toEqual(['inbound|8080||']);
});

test('listeners, one line a match', () => {
  expect(lines(listenerTable(filterListeners(dump.listeners, {})).replace(/ +/g, '  '))).toEqual([
    'ADDRESSES | PORT | MATCH | DESTINATION',
    '0.0.0.0 | 80 | ALL | Route: | 80',
    '0.0.0.0 | 15006 | Addr: | *:15006 | BlackHoleCluster',
    '0.0.0.0 | 15006 | Trans: | tls; | App: | TCP | TLS; | Addr: | 0.0.0.0/0 | InboundPassthroughCluster',
    '0.0.0.0 | 15006 | SNI: | x.y; | Addr: | *:8080 | Cluster: | inbound|8080||',
    '0.0.0.0 | 15021 | ALL | Inline | Route: | a/b | /x, | regex | .*',
  ]);
  expect(lines(listenerTable(filterListeners(dump.listeners, { type: 'http+tcp' }), { short: true }))).toEqual([
    'ADDRESS | PORT | TYPE',
    '0.0.0.0 | 15006 | HTTP+TCP',
  ]);
  expect(filterListeners(dump.listeners, { address: '0.0.0.0', port: 80 })).toHaveLength(1);
});

test('a listener whose filters are served apart leads to the cluster that its chain is named after', () => {
  const filters = ['to_chain', 'tcp_proxy'].map((name) => ({ name, config_discovery: {} }));
  const listener = { address: address('10.0.0.1', 6379), filter_chains: [{ name: 'outbound|6379||db.n', filters }] };
  expect(listenerTable([listener])).toMatch(/10\.0\.0\.1 +6379 +ALL +Cluster: outbound\|6379\|\|db\.n/);
  expect(listenerTable([listener], { short: true })).toMatch(/10\.0\.0\.1 +6379 +TCP/);
});

test('routes, by number, with the VirtualService behind them', () => {
  expect(lines(routeTable(filterRoutes(dump.routes, {})))).toEqual([
    'NAME | VHOST NAME | DOMAINS | MATCH | VIRTUAL SERVICE',
    '9080 | b:9080 | b, b.n + 1 more... | /api* | vs.n',
    '9080 | b:9080 | b, b.n + 1 more... | /*',
  ]);
  expect(lines(routeTable(filterRoutes(dump.routes, {}), { short: true }))).toEqual([
    'NAME | VIRTUAL HOSTS',
    '80 | 0',
    '9080 | 1',
  ]);
  expect(filterRoutes(dump.routes, { name: '80' })).toHaveLength(1);
});

test('endpoints, from a dump and from a live proxy', () => {
  const rows = endpointsOfDump(dump.endpoints, dump.clusters);
  expect(lines(endpointTable(filterEndpoints(rows, {})))).toEqual([
    'ENDPOINT | STATUS | LOCALITY | CLUSTER',
    '10.0.0.2:8080 | UNHEALTHY | r/z | outbound|80||b.n.svc',
    './XDS | HEALTHY | xds-grpc',
  ]);
  const live = endpointsOfStatus({
    cluster_statuses: [
      {
        name: 'c',
        host_statuses: [
          {
            address: address('10.0.0.3', 1),
            health_status: { eds_health_status: 'HEALTHY', failed_outlier_check: true },
          },
        ],
      },
    ],
  });
  expect(lines(endpointTable(live))).toEqual([
    'ENDPOINT | STATUS | OUTLIER CHECK | CLUSTER',
    '10.0.0.3:1 | HEALTHY | FAILED | c',
  ]);
  expect(filterEndpoints(rows, { status: 'unhealthy' })).toHaveLength(1);
  expect(filterEndpoints(rows, { port: 1 })).toHaveLength(0);
});

test('certificates, and whether they are valid now', async () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  const { cert } = await createSelfSigned({ organization: 'o', clock });
  const inline = { inline_bytes: Buffer.from(cert).toString('base64') };
  const config = {
    configs: [
      {
        '@type': 'type.googleapis.com/envoy.admin.v3.SecretsConfigDump',
        dynamic_active_secrets: [1, 2].map(() => ({
          name: 'ROOTCA',
          secret: { name: 'ROOTCA', validation_context: { trusted_ca: inline } },
        })),
        dynamic_warming_secrets: [{ name: 'default', secret: { name: 'default' } }],
      },
    ],
  };
  const { secrets } = readDump(JSON.stringify(config));
  const shown = lines(secretTable(secrets, clock.now()));
  expect(shown).toHaveLength(3);
  expect(shown[1]).toMatch(
    /^ROOTCA \| CA \| ACTIVE \| true \| [0-9a-f]{32} \| 2035-12-30T00:00:00Z \| 2025-12-31T23:58:00Z$/,
  );
  expect(shown[2]).toBe('default | WARMING | false');
  expect(secretTable(secrets, Date.UTC(2040, 0, 1))).toContain('false');
});

test.each(['{', '{}', '[]', 'null'])('%j is not a dump', (text) => {
  expect(() => readDump(text)).toThrow(/config_dump/);
});

test('field names as istioctl prints them, data as it is', () => {
  const value = {
    load_assignment: { cluster_name: 'a_b' },
    metadata: { filter_metadata: { istio: { default_original_port: 1 } } },
    typed_per_filter_config: { 'envoy.filters.http.ext_authz': { '@type': 't', check_settings: {} } },
  };
  expect(camelCase([value])).toEqual([
    {
      loadAssignment: { clusterName: 'a_b' },
      metadata: { filterMetadata: { istio: { default_original_port: 1 } } },
      typedPerFilterConfig: { 'envoy.filters.http.ext_authz': { '@type': 't', checkSettings: {} } },
    },
  ]);
});
