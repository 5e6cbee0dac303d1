// Debug pages over xDS, as a stock istioctl asks for them: `istio.io/debug` with a page as resource name, and typed syncz.
import { create, toBinary } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { ClientConfigSchema, ConfigStatus } from '../gen/envoy/service/status/v3/csds_pb.js';
import { type ConnectionStatus, Refused } from '../xds/connection.ts';
import type { DebugHandler, DebugResource } from '../xds/debug.ts';
import type { ConfigSections } from './config-dump.ts';
import type { HttpAnswer } from './http-server.ts';
import { proxyName } from './node.ts';
import { MAY_DEBUG } from './proxy-authenticator.ts';
import { proxiesOf, SHOWN_TYPES, typeStatus } from './proxy-pages.ts';
import { VERSION } from './version.ts';

export interface DebugOverXdsOptions {
  /** Name of this control plane's pod. */
  readonly name: string;
  readonly connections: () => readonly ConnectionStatus[];
  readonly page: (name: string) => Promise<HttpAnswer | undefined>;
  /** What a proxy should have, by its name. */
  readonly sections: (proxy: string) => Promise<ConfigSections>;
}

const PAGE = 'istio.io/debug';
const SYNCZ = 'istio.io/debug/syncz';
const CONFIG_DUMP = 'istio.io/debug/config_dump';
const CLIENT_CONFIG = 'type.googleapis.com/envoy.service.status.v3.ClientConfig';

/** Answers typed requests of callers that may look. */
export function debugOverXds({ name: istiod, connections, page, sections }: DebugOverXdsOptions): DebugHandler {
  const show = async (name: string): Promise<DebugResource> => {
    const answer = await page(name);
    if (!answer) throw new Refused(status.NOT_FOUND, `there is no debug page "${name}"`);
    const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body;
    return { name, typeUrl: PAGE, body };
  };
  return {
    identifier: JSON.stringify({ Component: 'istiod', ID: istiod, Info: { version: VERSION } }),
    handles: (typeUrl) => typeUrl === PAGE || typeUrl.startsWith(`${PAGE}/`),
    async answer({ typeUrl, names, client }) {
      if (client.metadata[MAY_DEBUG] !== true) {
        throw new Refused(
          status.PERMISSION_DENIED,
          "debug questions are for service accounts of the control plane's namespace",
        );
      }
      if (typeUrl === SYNCZ) return proxiesOf(connections()).map(clientConfig);
      if (typeUrl === CONFIG_DUMP) {
        const result = await sections(names[0] ?? '');
        if ('error' in result) throw new Refused(status.NOT_FOUND, result.error);
        return result.sections.map((section) => ({
          name: section.typeUrl,
          typeUrl: section.typeUrl,
          body: section.value,
        }));
      }
      if (typeUrl !== PAGE) throw new Refused(status.INVALID_ARGUMENT, `there is no debug type "${typeUrl}"`);
      if (names.length !== 1) throw new Refused(status.INVALID_ARGUMENT, 'ask for one debug page at a time');
      return [await show(names[0]!)];
    },
  };
}

function clientConfig(connection: ConnectionStatus): DebugResource {
  const { client } = connection;
  const name = proxyName(client);
  const genericXdsConfigs = Object.values(SHOWN_TYPES).map(({ typeUrl }) => ({
    typeUrl,
    configStatus: statusOf(connection, typeUrl),
  }));
  const config = create(ClientConfigSchema, {
    node: {
      id: name,
      metadata: { CLUSTER_ID: client.cluster, NAMESPACE: client.namespace, ISTIO_VERSION: client.istioVersion },
    },
    genericXdsConfigs,
  });
  return { name, typeUrl: CLIENT_CONFIG, body: toBinary(ClientConfigSchema, config) };
}

function statusOf(connection: ConnectionStatus, typeUrl: string): ConfigStatus {
  const found = typeStatus(connection, typeUrl);
  if (found?.nacked) return ConfigStatus.ERROR;
  if (!found || !(found.sent || found.synced)) return ConfigStatus.NOT_SENT;
  return found.synced ? ConfigStatus.SYNCED : ConfigStatus.STALE;
}
