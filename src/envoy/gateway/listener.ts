// Listeners of a gateway proxy, one for each port that its Gateways ask for.
import type { AccessLog } from '../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { TrafficDirection } from '../../gen/envoy/config/core/v3/base_pb.js';
import type { FilterChainSchema, FilterSchema } from '../../gen/envoy/config/listener/v3/listener_components_pb.js';
import type { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.js';
import { TlsInspectorSchema } from '../../gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';
import type { HttpConnectionManager_ForwardClientCertDetails as ForwardClientCert } from '../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { SniClusterSchema } from '../../gen/envoy/extensions/filters/network/sni_cluster/v3/sni_cluster_pb.js';
import { TcpProxySchema } from '../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import type { RouteRules } from '../../model/route.ts';
import {
  type BoundServer,
  type GatewayListener,
  serverNames,
  terminatesHttps,
  terminatesTls,
} from '../../view/gateway.ts';
import { type GatewayForward, passthroughForwards, tcpForwards } from '../../view/gateway-l4.ts';
import { extension, type Init } from '../any.ts';
import { type HttpFilterInit, httpConnectionManager } from '../http-connection-manager.ts';
import { opaqueConnection } from '../opaque.ts';
import { gatewayTls } from '../tls.ts';
import { type ClusterNamer, forwardTo } from './tcp-proxy.ts';

type FilterInit = Init<typeof FilterSchema>;
type ChainInit = Init<typeof FilterChainSchema>;
type ListenerInit = Init<typeof ListenerSchema>;

export interface GatewayListenerOptions {
  /** VirtualServices that name one of the listener's Gateways. */
  readonly rules: readonly RouteRules[];
  /** Name of the cluster that a destination leads to, for connections that came in on `port`. */
  readonly clusterOf: ClusterNamer;
  readonly trustDomains: readonly string[];
  readonly sdsDir: string;
  readonly trustedHops: number;
  /** From the gateway's topology; undefined replaces whatever the client sent. */
  readonly forwardClientCert: ForwardClientCert | undefined;
  readonly httpAccessLog: readonly AccessLog[];
  readonly tcpAccessLog: readonly AccessLog[];
  readonly listenerAccessLog: readonly AccessLog[];
  readonly httpFilters: readonly HttpFilterInit[];
  readonly tcpFilters: readonly FilterInit[];
}

export const gatewayListenerName = ({ bind, port }: Pick<GatewayListener, 'bind' | 'port'>): string =>
  `${bind}_${port}`;

/** The listener; undefined when nothing says what to do with its connections (Envoy refuses a listener without chains). */
export function gatewayListener(listener: GatewayListener, options: GatewayListenerOptions): ListenerInit | undefined {
  const filterChains = chains(listener, options);
  if (filterChains.length === 0) return undefined;
  return {
    name: gatewayListenerName(listener),
    address: {
      address: {
        case: 'socketAddress',
        value: { address: listener.bind, portSpecifier: { case: 'portValue', value: listener.port } },
      },
    },
    trafficDirection: TrafficDirection.OUTBOUND,
    listenerFilters:
      listener.kind === 'tls' ? [extension('envoy.filters.listener.tls_inspector', TlsInspectorSchema, {})] : [],
    continueOnListenerFiltersTimeout: true,
    filterChains,
    accessLog: [...options.listenerAccessLog],
  };
}

function chains(listener: GatewayListener, options: GatewayListenerOptions): ChainInit[] {
  switch (listener.kind) {
    case 'http':
      return [httpChain(listener, listener.servers[0]!, options)];
    case 'tcp':
      return listener.servers.flatMap((bound) => tcpChains(bound, options));
    case 'tls':
      return withoutRepeatedNames(listener.servers.flatMap((bound) => tlsChains(listener, bound, options)));
  }
}

function httpChain(listener: GatewayListener, bound: BoundServer, options: GatewayListenerOptions): ChainInit {
  return {
    filters: [
      httpConnectionManager({
        role: 'gateway',
        statPrefix: `outbound_${gatewayListenerName(listener)}`,
        routes: { kind: 'rds', name: bound.routeName },
        filters: options.httpFilters,
        accessLog: options.httpAccessLog,
        grpcWeb: bound.server.protocol === 'grpc-web',
        trustedHops: options.trustedHops,
        forwardClientCert: options.forwardClientCert,
      }),
    ],
  };
}

function tlsChains(listener: GatewayListener, bound: BoundServer, options: GatewayListenerOptions): ChainInit[] {
  const { server } = bound;
  if (server.tls?.mode === 'auto-passthrough') return [autoPassthrough(bound, options)];
  if (server.tls?.mode === 'passthrough') {
    return passthroughForwards(bound, options.rules).map((forward) => forwardChain(bound, forward, options));
  }
  if (!terminatesTls(server)) return [];
  const transportSocket = gatewayTls({
    tls: server.tls!,
    http: terminatesHttps(server),
    trustDomains: options.trustDomains,
    sdsDir: options.sdsDir,
  });
  const filterChainMatch = byServerName(serverNames(server));
  if (terminatesHttps(server)) return [{ ...httpChain(listener, bound, options), filterChainMatch, transportSocket }];
  return tcpChains(bound, options).map((chain) => ({
    ...chain,
    filterChainMatch: { ...chain.filterChainMatch, ...filterChainMatch },
    transportSocket,
  }));
}

/** Mesh traffic of other networks: the server name is the name of the cluster (`outbound_.80_._.host`). */
function autoPassthrough(bound: BoundServer, options: GatewayListenerOptions): ChainInit {
  return {
    filterChainMatch: byServerName(serverNames(bound.server)),
    filters: [
      extension('envoy.filters.network.sni_cluster', SniClusterSchema, {}),
      extension('envoy.filters.network.tcp_proxy', TcpProxySchema, {
        statPrefix: 'BlackHoleCluster',
        clusterSpecifier: { case: 'cluster', value: 'BlackHoleCluster' },
        accessLog: [...options.tcpAccessLog],
      }),
    ],
  };
}

function tcpChains(bound: BoundServer, options: GatewayListenerOptions): ChainInit[] {
  return tcpForwards(bound, options.rules).map((forward) => forwardChain(bound, forward, options));
}

function forwardChain(bound: BoundServer, forward: GatewayForward, options: GatewayListenerOptions): ChainInit {
  return {
    filterChainMatch: {
      ...(forward.sniHosts.length > 0 ? byServerName(forward.sniHosts) : {}),
      prefixRanges: forward.subnets.flatMap(cidr),
    },
    filters: [
      ...options.tcpFilters,
      opaqueConnection(),
      forwardTo(forward.destinations, bound.port, options.clusterOf, options.tcpAccessLog),
    ],
  };
}

/** Two servers may cover one name (a wildcard twice, say): Envoy refuses equal matches, the older server keeps it. */
function withoutRepeatedNames(all: ChainInit[]): ChainInit[] {
  const seen = new Set<string>();
  return all.flatMap((chain) => {
    const match = chain.filterChainMatch ?? {};
    const names = match.serverNames?.length ? match.serverNames : [''];
    const ranges = JSON.stringify(match.prefixRanges ?? []);
    const fresh = names.filter((name) => !seen.has(`${name} ${ranges}`));
    for (const name of fresh) seen.add(`${name} ${ranges}`);
    if (fresh.length === 0) return [];
    return [{ ...chain, filterChainMatch: { ...match, serverNames: fresh.filter((name) => name !== '') } }];
  });
}

/** Envoy writes wildcards as `*.example.com` and "every name" as no list at all. */
const byServerName = (hosts: readonly string[]) => ({
  serverNames: hosts.includes('*') ? [] : hosts.map((host) => host.toLowerCase()),
});

function cidr(text: string) {
  const [addressPrefix, length] = text.split('/');
  if (!addressPrefix) return [];
  return [{ addressPrefix, prefixLen: length ? Number(length) : addressPrefix.includes(':') ? 128 : 32 }];
}
