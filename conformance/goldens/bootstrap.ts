// A static bootstrap that holds what a proxy would be served, so that Envoy checks all of it without a control plane.
import { fromBinary, type JsonValue, type Registry } from '@bufbuild/protobuf';
import { asJson } from '../../src/envoy/readable.ts';
import { type Encoded, TYPE_URL } from '../../src/envoy/resource.ts';
import type { Generated } from '../../src/envoy/testing/golden-case.ts';
import { ClusterSchema } from '../../src/gen/envoy/config/cluster/v3/cluster_pb.js';

type Json = { [key: string]: JsonValue };

/**
 * Clusters and listeners as they are; endpoint sets as the endpoints of static clusters; route tables and virtual hosts inline
 * in listeners of their own. References to the control plane stay: they only need an ADS cluster to exist.
 */
export function staticBootstrap(out: Generated, types: Registry): Json {
  const json = (url: string, list: readonly Encoded[]) => list.map((r) => asJson(types, url, r) as Json);
  const tables = json(TYPE_URL.route, out.routes).map(({ vhds: _, ...table }) => table as Json);
  const hosts = json(TYPE_URL.virtualHost, out.virtualHosts);
  const own = new Map<string, Json[]>();
  for (const [i, { name }] of out.virtualHosts.entries()) {
    const table = name.slice(0, name.indexOf('/'));
    own.set(table, [...(own.get(table) ?? []), hosts[i]!]);
  }
  for (const table of tables) {
    const more = own.get(String(table.name)) ?? [];
    table.virtualHosts = [...((table.virtualHosts as Json[] | undefined) ?? []), ...more];
  }
  return {
    node: { id: 'sidecar~10.1.0.99~client.default~default.svc.cluster.local', cluster: 'client' },
    dynamicResources: {
      adsConfig: {
        apiType: 'DELTA_GRPC',
        transportApiVersion: 'V3',
        grpcServices: [{ envoyGrpc: { clusterName: 'ads' } }],
      },
    },
    staticResources: {
      clusters: [
        { name: 'ads', type: 'STATIC', connectTimeout: '1s', ...HTTP2 },
        ...json(TYPE_URL.cluster, out.clusters),
        ...json(TYPE_URL.endpoints, out.endpoints).map((set) => ({
          name: `endpoints of ${String(set.clusterName)}`,
          type: 'STATIC',
          connectTimeout: '1s',
          loadAssignment: { ...set, clusterName: `endpoints of ${String(set.clusterName)}` },
          ...weighted(out.clusters, String(set.clusterName)),
        })),
      ] as JsonValue[],
      listeners: [
        ...json(TYPE_URL.listener, out.listeners),
        ...tables.map((table, i) => tableListener(table, 20_000 + i)),
      ] as JsonValue[],
    },
  };
}

/** Endpoints with shares need a cluster that uses them, as theirs does. */
function weighted(clusters: readonly Encoded[], name: string): Json {
  const found = clusters.find((c) => c.name === name);
  const config = found && fromBinary(ClusterSchema, found.body).commonLbConfig?.localityConfigSpecifier;
  return config?.case === 'localityWeightedLbConfig' ? { commonLbConfig: { localityWeightedLbConfig: {} } } : {};
}

const HTTP2: Json = {
  typedExtensionProtocolOptions: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicitHttpConfig: { http2ProtocolOptions: {} },
    },
  },
};

function tableListener(table: Json, port: number): Json {
  return {
    name: `table ${String(table.name)}`,
    address: { socketAddress: { address: '127.0.0.1', portValue: port } },
    bindToPort: false,
    filterChains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typedConfig: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              statPrefix: 'table',
              routeConfig: table,
              httpFilters: ['Cors', 'HTTPFault', 'Router'].map(httpFilter),
            },
          },
        ],
      },
    ],
  };
}

function httpFilter(type: string): Json {
  const kind = { Cors: 'cors', HTTPFault: 'fault', Router: 'router' }[type]!;
  return {
    name: `envoy.filters.http.${kind}`,
    typedConfig: { '@type': `type.googleapis.com/envoy.extensions.filters.http.${kind}.v3.${type}` },
  };
}
