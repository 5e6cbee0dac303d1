// Envoy resources for the stub control plane, written as JSON and encoded with the generated types.
import { createRegistry, type DescMessage, fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { ClusterSchema } from '../../src/gen/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '../../src/gen/envoy/config/listener/v3/listener_pb.js';
import { RouterSchema } from '../../src/gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import { OriginalDstSchema } from '../../src/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js';
import { HttpConnectionManagerSchema } from '../../src/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { TcpProxySchema } from '../../src/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { DownstreamTlsContextSchema } from '../../src/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import type { StubResource } from './stub-control-plane.ts';

const registry = createRegistry(
  RouterSchema,
  OriginalDstSchema,
  HttpConnectionManagerSchema,
  TcpProxySchema,
  DownstreamTlsContextSchema,
);

export function listener(json: JsonObject): StubResource {
  return resource(ListenerSchema, json);
}

export function cluster(json: JsonObject): StubResource {
  return resource(ClusterSchema, json);
}

function resource(schema: DescMessage, json: JsonObject): StubResource {
  const value = toBinary(schema, fromJson(schema, json, { registry }));
  return { typeUrl: `type.googleapis.com/${schema.typeName}`, name: String(json.name), value };
}

/** A listener that takes what was captured to `port` and sends it to where it was going, from `source` if given. */
export function passthrough(name: string, port: number, source?: string): StubResource[] {
  return [
    cluster({
      name: `${name}-cluster`,
      type: 'ORIGINAL_DST',
      lbPolicy: 'CLUSTER_PROVIDED',
      connectTimeout: '2s',
      ...(source && { upstreamBindConfig: { sourceAddress: { address: source, portValue: 0 } } }),
    }),
    listener({
      name,
      address: { socketAddress: { address: '0.0.0.0', portValue: port } },
      useOriginalDst: false,
      listenerFilters: [
        {
          name: 'envoy.filters.listener.original_dst',
          typedConfig: { '@type': `type.googleapis.com/${OriginalDstSchema.typeName}` },
        },
      ],
      filterChains: [
        {
          filters: [
            {
              name: 'envoy.filters.network.tcp_proxy',
              typedConfig: {
                '@type': `type.googleapis.com/${TcpProxySchema.typeName}`,
                statPrefix: name,
                cluster: `${name}-cluster`,
              },
            },
          ],
        },
      ],
    }),
  ];
}

/** A TLS server with the workload's certificate from the agent's files, answering every request itself. */
export function tlsServer(name: string, port: number, sdsDir: string): StubResource {
  return listener({
    name,
    address: { socketAddress: { address: '127.0.0.1', portValue: port } },
    filterChains: [
      {
        transportSocket: {
          name: 'envoy.transport_sockets.tls',
          typedConfig: {
            '@type': `type.googleapis.com/${DownstreamTlsContextSchema.typeName}`,
            commonTlsContext: {
              tlsCertificateSdsSecretConfigs: [
                {
                  name: 'default',
                  sdsConfig: { pathConfigSource: { path: `${sdsDir}/default.yaml` }, resourceApiVersion: 'V3' },
                },
              ],
            },
          },
        },
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typedConfig: {
              '@type': `type.googleapis.com/${HttpConnectionManagerSchema.typeName}`,
              statPrefix: name,
              routeConfig: {
                virtualHosts: [
                  {
                    name: 'all',
                    domains: ['*'],
                    routes: [
                      { match: { prefix: '/' }, directResponse: { status: 200, body: { inlineString: 'hello\n' } } },
                    ],
                  },
                ],
              },
              httpFilters: [
                {
                  name: 'envoy.filters.http.router',
                  typedConfig: { '@type': `type.googleapis.com/${RouterSchema.typeName}` },
                },
              ],
            },
          },
        ],
      },
    ],
  });
}
