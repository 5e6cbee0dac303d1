// Envoy cluster of one service port or subset.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  Cluster_TransportSocketMatchSchema as TransportSocketMatchSchema,
  UpstreamConnectionOptionsSchema,
} from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import {
  type ClusterSchema,
  Cluster_DiscoveryType as Discovery,
  Cluster_DnsLookupFamily as DnsFamily,
  Cluster_LbPolicy as LbPolicy,
} from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import type { StatsMatcherSchema } from '../../gen/envoy/config/metrics/v3/stats_pb.js';
import { RawBufferSchema } from '../../gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js';
import { serviceOf, writeWorkload } from '../../lib/workload-text.ts';
import type { ConnectionPool } from '../../model/traffic.ts';
import { outboundCluster, outboundSni } from '../../view/names.ts';
import type { OutboundCluster } from '../../view/outbound-cluster.ts';
import { duration, extension, type Init } from '../any.ts';
import { adsSource } from '../sds.ts';
import { MESH_CLIENT_TLS, type TlsPayload, upstreamTls } from '../tls.ts';
import { balancing } from './balancing.ts';
import { circuitBreakers } from './circuit-breakers.ts';
import { inlineEndpoints, PLAINTEXT_MARK } from './load-assignment.ts';
import { outlierDetection } from './outlier.ts';
import { protocolOptions } from './protocol-options.ts';
import { withProxyProtocol } from './proxy-protocol.ts';

type ClusterInit = Init<typeof ClusterSchema>;

export interface ClusterOptions {
  readonly cluster: OutboundCluster;
  /** Setting ISTHMUS_SDS_DIR; '' for a stock agent. */
  readonly sdsDir: string;
  /** The cluster whose endpoints need not name it. */
  readonly nearCluster: string;
  /** Extra fields for endpoint selection by locality; decided with the endpoints. */
  readonly localityWeighted: boolean;
  /** The proxy's bootstrap rejects every statistic of the cluster. */
  readonly uncounted?: boolean;
}

export function clusterOf(options: ClusterOptions): ClusterInit {
  const { cluster: c, sdsDir, nearCluster, localityWeighted, uncounted = false } = options;
  const name = outboundCluster(c);
  const { policy } = c;
  const passthrough = c.resolution === 'passthrough';
  return {
    name,
    ...discovery(c, name, nearCluster),
    connectTimeout: duration(c.connectTimeoutMs),
    ...(uncounted && { statsMatcher: NONE }),
    circuitBreakers: circuitBreakers(policy.pool, { counted: !uncounted }),
    ...(policy.outlier && outlierDetection(policy.outlier)),
    ...balancing({ cluster: c, localityWeighted }),
    ...(passthrough && { lbPolicy: LbPolicy.CLUSTER_PROVIDED, lbConfig: { case: undefined } }),
    ...protocolOptions(c),
    ...keepalive(c.keepalive),
    ...transport(c, sdsDir),
    ...metadataOf(c, nearCluster),
  };
}

/** Saves Envoy from remembering, name by name, what its bootstrap rejects. */
const NONE: Init<typeof StatsMatcherSchema> = { statsMatcher: { case: 'rejectAll', value: true } };

function discovery(c: OutboundCluster, name: string, nearCluster: string): ClusterInit {
  switch (c.resolution) {
    case 'static':
      return {
        clusterDiscoveryType: { case: 'type', value: Discovery.EDS },
        // Without a deadline: a slow first answer must not make a cluster look empty.
        edsClusterConfig: { edsConfig: { ...adsSource, initialFetchTimeout: duration(0) } },
      };
    case 'passthrough':
      return { clusterDiscoveryType: { case: 'type', value: Discovery.ORIGINAL_DST } };
    case 'alias':
      return {
        clusterDiscoveryType: { case: 'type', value: Discovery.STRICT_DNS },
        dnsLookupFamily: DnsFamily.V4_ONLY,
        respectDnsTtl: true,
        loadAssignment: {
          clusterName: name,
          endpoints: [{ lbEndpoints: [hostEndpoint(c.externalName, c.port)] }],
        },
      };
    case 'dns':
    case 'dns-round-robin':
      return {
        clusterDiscoveryType: {
          case: 'type',
          value: c.resolution === 'dns' ? Discovery.STRICT_DNS : Discovery.LOGICAL_DNS,
        },
        dnsLookupFamily: DnsFamily.V4_ONLY,
        dnsRefreshRate: duration(60_000),
        respectDnsTtl: true,
        loadAssignment: inlineEndpoints(name, c, nearCluster),
      };
  }
}

function hostEndpoint(address: string, port: number) {
  return {
    hostIdentifier: {
      case: 'endpoint' as const,
      value: {
        address: {
          address: {
            case: 'socketAddress' as const,
            value: { address, portSpecifier: { case: 'portValue' as const, value: port } },
          },
        },
      },
    },
  };
}

function transport(c: OutboundCluster, sdsDir: string): ClusterInit {
  const { tls } = c;
  if (tls.kind === 'none') return withProxyProtocol(c.policy.proxyProtocol, undefined);
  const socket = upstreamTls({
    tls: tls.kind === 'fixed' ? tls.tls : MESH_CLIENT_TLS,
    payload: payloadOf(c),
    sni: tls.kind === 'auto' || tls.tls.mode === 'istio-mutual' ? outboundSni(c) : originatedSni(c),
    subjectAltNames: c.identities,
    sdsDir,
  });
  if (!socket) return {};
  // An original-destination cluster has no endpoints whose metadata could be matched.
  if (tls.kind === 'fixed' || c.resolution === 'passthrough') return withProxyProtocol(c.policy.proxyProtocol, socket);
  return { transportSocket: socket, transportSocketMatches: tls.somePlaintext ? [PLAINTEXT] : [] };
}

/**
 * For endpoints that say so, see load-assignment.ts. Clusters without such endpoints, which are most, do without: should the
 * first one come before the cluster that knows of it, calls to it fail, and nothing is ever sent in the clear by mistake.
 */
const PLAINTEXT: Init<typeof TransportSocketMatchSchema> = {
  name: 'tlsMode-disabled',
  match: PLAINTEXT_MARK,
  transportSocket: extension('envoy.transport_sockets.raw_buffer', RawBufferSchema, {}),
};

function payloadOf(c: OutboundCluster): TlsPayload {
  if (c.http2) return 'http2';
  if (c.protocol === 'http') return 'http1';
  return c.protocol === 'auto' ? 'auto' : 'tcp';
}

/** A server outside the mesh is asked for by its own name unless it is a pattern. */
function originatedSni(c: OutboundCluster): string {
  return c.host.startsWith('*') ? '' : c.host;
}

function keepalive(k: ConnectionPool['keepalive']): ClusterInit {
  if (!k) return {};
  const options: MessageInitShape<typeof UpstreamConnectionOptionsSchema> = {
    tcpKeepalive: {
      ...(k.probes && { keepaliveProbes: k.probes }),
      ...(k.timeSeconds && { keepaliveTime: k.timeSeconds }),
      ...(k.intervalSeconds && { keepaliveInterval: k.intervalSeconds }),
    },
  };
  return { upstreamConnectionOptions: options };
}

/**
 * Where its settings come from; `proxy-config clusters` shows it. Metrics know the service by the cluster's name, and the workload
 * by its endpoints, unless they are dialled by address.
 */
function metadataOf({ rule, workload, host }: OutboundCluster, nearCluster: string): ClusterInit {
  const config = rule && `/apis/networking.istio.io/v1/namespaces/${rule.namespace}/destination-rule/${rule.name}`;
  const text = workload && writeWorkload(workload, { ...serviceOf(host), cluster: nearCluster });
  if (!config && !text) return {};
  return { metadata: { filterMetadata: { istio: { ...(config && { config }), ...(text && { workload: text }) } } } };
}
