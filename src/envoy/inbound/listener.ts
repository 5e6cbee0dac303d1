// virtualInbound: everything that is sent to the workload arrives here (captured to port 15006).
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AccessLog } from '../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { TrafficDirection } from '../../gen/envoy/config/core/v3/base_pb.js';
import type {
  FilterChainSchema,
  FilterSchema,
  ListenerFilterChainMatchPredicateSchema,
  ListenerFilterSchema,
} from '../../gen/envoy/config/listener/v3/listener_components_pb.js';
import type { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.js';
import { HttpInspectorSchema } from '../../gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js';
import { OriginalDstSchema } from '../../gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js';
import { TlsInspectorSchema } from '../../gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';
import { TcpProxySchema } from '../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import type { InboundPort, InboundPorts } from '../../view/inbound.ts';
import type { AcceptedTls } from '../../view/inbound-mtls.ts';
import { duration, extension } from '../any.ts';
import { type HttpFilterInit, httpConnectionManager } from '../http-connection-manager.ts';
import { rememberCaller } from '../telemetry/peer.ts';
import { meshServerTls } from '../tls.ts';
import { type ChainShape, chainShapes } from './chains.ts';
import { INBOUND_CAPTURE_PORT, INBOUND_PASSTHROUGH, inboundCluster, VIRTUAL_INBOUND } from './names.ts';
import { inboundRoutes } from './routes.ts';

type FilterInit = MessageInitShape<typeof FilterSchema>;
type ChainInit = MessageInitShape<typeof FilterChainSchema>;
type ListenerInit = MessageInitShape<typeof ListenerSchema>;

export interface InboundListenerOptions extends InboundPorts {
  /** The mesh's trust domain and its aliases. */
  readonly trustDomains: readonly string[];
  /** Setting ISTHMUS_SDS_DIR of the class; '' for a stock agent. */
  readonly sdsDir: string;
  /** MeshConfig.protocolDetectionTimeout in milliseconds; 0 waits for the first bytes for ever. */
  readonly detectionTimeoutMs: number;
  readonly httpAccessLog: readonly AccessLog[];
  readonly tcpAccessLog: readonly AccessLog[];
  readonly listenerAccessLog: readonly AccessLog[];
  /** Authentication and authorization, by kind of chain. */
  readonly httpFilters: readonly HttpFilterInit[];
  readonly tcpFilters: readonly FilterInit[];
}

/** Destination of a chain: a served port, a port that only PeerAuthentication names, or any other (`port` undefined). */
interface Target {
  readonly name: string;
  readonly port?: number;
  readonly served?: InboundPort;
  readonly tls: AcceptedTls;
}

/** The listener; chains are ordered by port so that equal input gives equal bytes. */
export function inboundListener(options: InboundListenerOptions): ListenerInit {
  const targets: Target[] = [
    { name: VIRTUAL_INBOUND, tls: options.rest },
    ...options.exceptions.map(({ port, tls }) => ({ name: `0.0.0.0_${port}`, port, tls })),
    ...options.ports.map((served) => ({ name: `0.0.0.0_${served.port}`, port: served.port, served, tls: served.tls })),
  ];
  return {
    name: VIRTUAL_INBOUND,
    address: {
      address: {
        case: 'socketAddress',
        value: { address: '0.0.0.0', portSpecifier: { case: 'portValue', value: INBOUND_CAPTURE_PORT } },
      },
    },
    trafficDirection: TrafficDirection.INBOUND,
    listenerFilters: listenerFilters(targets),
    listenerFiltersTimeout: duration(options.detectionTimeoutMs),
    continueOnListenerFiltersTimeout: true,
    filterChains: [blackHole(), ...targets.flatMap((target) => chains(target, options))],
    accessLog: [...options.listenerAccessLog],
  };
}

/** Traffic to the capture port itself would otherwise be forwarded to it again, for ever. */
function blackHole(): ChainInit {
  return {
    name: 'virtualInbound-blackhole',
    filterChainMatch: { destinationPort: INBOUND_CAPTURE_PORT },
    filters: [tcpProxy('BlackHoleCluster', [])],
  };
}

function chains(target: Target, options: InboundListenerOptions): ChainInit[] {
  return chainShapes(target.tls, target.served?.protocol ?? 'auto').map((shape) => ({
    name: target.port === undefined && shape.http ? 'virtualInbound-catchall-http' : target.name,
    filterChainMatch: { ...shape.match, destinationPort: target.port },
    filters: filters(target, shape, options),
    ...(shape.terminatesTls && {
      transportSocket: meshServerTls({
        http: shape.http,
        trustDomains: options.trustDomains,
        sdsDir: options.sdsDir,
      }),
    }),
  }));
}

function filters(target: Target, shape: ChainShape, options: InboundListenerOptions): FilterInit[] {
  const cluster = target.served ? inboundCluster(target.served.port) : INBOUND_PASSTHROUGH;
  if (!shape.http) return [...options.tcpFilters, tcpProxy(cluster, options.tcpAccessLog)];
  return [
    httpConnectionManager({
      role: 'inbound',
      statPrefix: target.port === undefined ? INBOUND_PASSTHROUGH : `inbound_0.0.0.0_${target.port}`,
      routes: {
        kind: 'inline',
        table: inboundRoutes(cluster, { served: target.served, provesCaller: shape.terminatesTls }),
      },
      filters: [...(shape.terminatesTls ? [rememberCaller()] : []), ...options.httpFilters],
      accessLog: options.httpAccessLog,
      grpcWeb: target.served?.protocol === 'grpc-web',
    }),
  ];
}

function tcpProxy(cluster: string, accessLog: readonly AccessLog[]): FilterInit {
  return extension('envoy.filters.network.tcp_proxy', TcpProxySchema, {
    statPrefix: cluster,
    clusterSpecifier: { case: 'cluster', value: cluster },
    accessLog: [...accessLog],
  });
}

/** Inspectors wait for the caller's first bytes, so they stay off where no chain needs what they find out. */
function listenerFilters(targets: readonly Target[]): MessageInitShape<typeof ListenerFilterSchema>[] {
  const withoutTls = targets.flatMap(({ port, tls }) => (port !== undefined && tls === 'disable' ? [port] : []));
  const known = targets.flatMap(({ port, served, tls }) =>
    port !== undefined && served !== undefined && (served.protocol !== 'auto' || tls === 'strict') ? [port] : [],
  );
  return [
    extension('envoy.filters.listener.original_dst', OriginalDstSchema, {}),
    {
      ...extension('envoy.filters.listener.tls_inspector', TlsInspectorSchema, {}),
      filterDisabled: onPorts([INBOUND_CAPTURE_PORT, ...withoutTls]),
    },
    {
      ...extension('envoy.filters.listener.http_inspector', HttpInspectorSchema, {}),
      filterDisabled: onPorts([INBOUND_CAPTURE_PORT, ...known]),
    },
  ];
}

type Predicate = MessageInitShape<typeof ListenerFilterChainMatchPredicateSchema>;

function onPorts(ports: readonly number[]): Predicate {
  const rules: Predicate[] = [...new Set(ports)]
    .sort((a, b) => a - b)
    .map((port) => ({ rule: { case: 'destinationPortRange', value: { start: port, end: port + 1 } } }));
  return rules.length === 1 ? rules[0]! : { rule: { case: 'orMatch', value: { rules } } };
}
