// Network filters that the chains of all opaque services have in common: served once (ECDS) instead of in each of a thousand
// listeners. A chain bears the name of its cluster, and that is where they forward to.
import { TypedExtensionConfigSchema } from '../../gen/envoy/config/core/v3/extension_pb.js';
import type { FilterSchema } from '../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { ConfigSchema as SetFilterStateSchema } from '../../gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.js';
import { TcpProxySchema } from '../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { BLACK_HOLE } from '../../view/names.ts';
import { any, duration, type Init } from '../any.ts';
import { type Encoded, encode, type Part, type ScopedName, sameEncoded, scopedNameId } from '../resource.ts';
import { adsSource } from '../sds.ts';
import type { Loggers } from '../telemetry/loggers.ts';
import type { OutboundContext } from './context.ts';

const CLUSTER_OF_CHAIN = 'to_chain';
const TCP_PROXY = 'tcp_proxy';

/** The filters of a chain that forwards opaque connections to the cluster whose name it bears. */
export function forwardToChain(): Init<typeof FilterSchema>[] {
  return [shared(CLUSTER_OF_CHAIN, SetFilterStateSchema.typeName), shared(TCP_PROXY, TcpProxySchema.typeName)];
}

function shared(name: string, type: string): Init<typeof FilterSchema> {
  return {
    name,
    configType: {
      case: 'configDiscovery',
      value: {
        // Without a deadline: a listener whose filters are not there yet would refuse connections.
        configSource: { ...adsSource, initialFetchTimeout: duration(0) },
        // Envoy reads what follows the last slash, so none is needed.
        typeUrls: [type],
      },
    },
  };
}

/** The filters themselves, by name. They are the same for all proxies of the mesh. */
export function sharedFiltersPart({ graph, loggers }: OutboundContext): Part {
  return {
    name: 'outbound filters',
    scope: graph.derived('sharedFilterScope', () => ''),
    get: graph.derived(
      'sharedFilter',
      ({ name }: ScopedName, read): Encoded | undefined => {
        const init = filterNamed(name, () => read(loggers, 'source'));
        return init && encode(name, TypedExtensionConfigSchema, init);
      },
      { id: scopedNameId, equal: sameEncoded },
    ),
  };
}

function filterNamed(name: string, loggers: () => Loggers): Init<typeof TypedExtensionConfigSchema> | undefined {
  switch (name) {
    case CLUSTER_OF_CHAIN:
      return { name, typedConfig: any(SetFilterStateSchema, clusterOfChain()) };
    case TCP_PROXY:
      return {
        name,
        typedConfig: any(TcpProxySchema, {
          statPrefix: 'outbound',
          // Never used: the filter before it has said where to go.
          clusterSpecifier: { case: 'cluster', value: BLACK_HOLE },
          accessLog: [...loggers().tcp],
        }),
      };
    default:
      return undefined;
  }
}

/** Tells the TCP proxy its cluster: the name of the filter chain that the connection matched. */
function clusterOfChain(): Init<typeof SetFilterStateSchema> {
  return {
    onNewConnection: [
      {
        key: { case: 'objectKey', value: 'envoy.tcp_proxy.cluster' },
        value: {
          case: 'formatString',
          value: {
            format: {
              case: 'textFormatSource',
              value: { specifier: { case: 'inlineString', value: '%FILTER_CHAIN_NAME%' } },
            },
          },
        },
      },
    ],
  };
}
