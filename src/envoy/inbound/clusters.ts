// Clusters from a sidecar to its own workload.
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type ClusterSchema,
  Cluster_DiscoveryType as DiscoveryType,
  Cluster_LbPolicy as LbPolicy,
} from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { HttpProtocolOptionsSchema } from '../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import type { InboundPort, InboundPorts, InboundProtocol } from '../../view/inbound.ts';
import { any, duration, type Init } from '../any.ts';
import { INBOUND_PASSTHROUGH, inboundCluster } from './names.ts';

type ClusterInit = Init<typeof ClusterSchema>;

/**
 * Connections to the own workload come from these addresses: the capture rules let them through, so they do not loop, and
 * the workload can tell them from others.
 */
const SOURCE_V4 = '127.0.0.6';
const SOURCE_V6 = '::6';

const UNLIMITED = 0xffffffff;

/** One cluster a served port, and one for everything else. */
export function inboundClusters({ ports }: Pick<InboundPorts, 'ports'>): ClusterInit[] {
  return [...ports.map(portCluster), passthrough()];
}

function portCluster(port: InboundPort): ClusterInit {
  return {
    ...toWorkload(inboundCluster(port.port), port.protocol),
    lbConfig: { case: 'originalDstLbConfig', value: { upstreamPortOverride: port.port } },
    metadata: {
      filterMetadata: {
        istio: {
          services: port.services.map(({ host, name, namespace }) => ({ host, name, namespace })),
          // Metrics cannot look into lists.
          ...(port.services[0] && { service: port.services[0].host }),
        },
      },
    },
  };
}

function passthrough(): ClusterInit {
  return toWorkload(INBOUND_PASSTHROUGH, 'auto');
}

function toWorkload(name: string, protocol: InboundProtocol): ClusterInit {
  return {
    name,
    clusterDiscoveryType: { case: 'type', value: DiscoveryType.ORIGINAL_DST },
    lbPolicy: LbPolicy.CLUSTER_PROVIDED,
    connectTimeout: duration(10_000),
    circuitBreakers: {
      // The caller's side limits; a second limit here would only hide whose it was.
      thresholds: [
        {
          maxConnections: UNLIMITED,
          maxPendingRequests: UNLIMITED,
          maxRequests: UNLIMITED,
          maxRetries: UNLIMITED,
          trackRemaining: true,
        },
      ],
    },
    upstreamBindConfig: {
      sourceAddress: anyPortOf(SOURCE_V4),
      extraSourceAddresses: [{ address: anyPortOf(SOURCE_V6) }],
    },
    ...httpOptions(protocol),
  };
}

const anyPortOf = (address: string) => ({ address, portSpecifier: { case: 'portValue' as const, value: 0 } });

/** The workload is spoken to as its port says; where nobody says, as the caller spoke. */
function httpOptions(protocol: InboundProtocol): Pick<ClusterInit, 'typedExtensionProtocolOptions'> {
  switch (protocol) {
    case 'http2':
      return protocolOptions({
        upstreamProtocolOptions: {
          case: 'explicitHttpConfig',
          value: { protocolConfig: { case: 'http2ProtocolOptions', value: {} } },
        },
      });
    case 'auto':
      return protocolOptions({
        upstreamProtocolOptions: {
          case: 'useDownstreamProtocolConfig',
          value: { httpProtocolOptions: {}, http2ProtocolOptions: {} },
        },
      });
    default:
      return {};
  }
}

function protocolOptions(
  options: MessageInitShape<typeof HttpProtocolOptionsSchema>,
): Pick<ClusterInit, 'typedExtensionProtocolOptions'> {
  return {
    typedExtensionProtocolOptions: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': any(HttpProtocolOptionsSchema, options),
    },
  };
}
