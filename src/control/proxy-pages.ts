// Connected proxies for debug pages, in the reference's shapes.
import { TYPE_URL } from '../envoy/resource.ts';
import type { ConnectionStatus } from '../xds/connection.ts';
import type { SubscriptionStatus } from '../xds/subscription.ts';
import { proxyName } from './node.ts';

/** Types with a column of their own: short name and the prefix of their fields in syncz. */
export const SHOWN_TYPES = {
  CDS: { typeUrl: TYPE_URL.cluster, field: 'cluster' },
  LDS: { typeUrl: TYPE_URL.listener, field: 'listener' },
  RDS: { typeUrl: TYPE_URL.route, field: 'route' },
  EDS: { typeUrl: TYPE_URL.endpoints, field: 'endpoint' },
  ECDS: { typeUrl: 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig', field: 'extensionconfig' },
} as const;

/** Stands where a nonce would, for what a client brought along. */
const RESUMED = 'resumed';

/** Envoys and gRPC clients; callers that only asked debug questions have subscribed to nothing. */
export function proxiesOf(connections: readonly ConnectionStatus[]): ConnectionStatus[] {
  return connections.filter((connection) => connection.types.length > 0);
}

/** The subscription of one type. With virtual hosts served apart, routes are as far as both are. */
export function typeStatus(connection: ConnectionStatus, typeUrl: string): SubscriptionStatus | undefined {
  const find = (url: string): SubscriptionStatus | undefined => connection.types.find((type) => type.typeUrl === url);
  const own = find(typeUrl);
  if (typeUrl !== TYPE_URL.route) return own;
  const hosts = find(TYPE_URL.virtualHost);
  return hosts && (!hosts.synced || hosts.nacked) ? hosts : own;
}

/** `/debug/syncz`: nonces sent and acknowledged by type, and why something was rejected. */
export function syncz(connections: readonly ConnectionStatus[]): unknown[] {
  return proxiesOf(connections)
    .map((connection) => {
      const { client } = connection;
      const fields: Record<string, string> = {};
      const errors: Record<string, string> = {};
      for (const [short, { typeUrl, field }] of Object.entries(SHOWN_TYPES)) {
        const found = typeStatus(connection, typeUrl);
        if (!found) continue;
        // A client that came back with everything it should have is sent nothing, and has it all the same.
        const sent = found.sent?.nonce ?? (found.synced ? RESUMED : undefined);
        // Nothing waits for an answer: whatever came last was taken, also where only a part of it was sent again.
        const acked = found.synced ? sent : found.acked?.nonce;
        if (sent) fields[`${field}_sent`] = sent;
        if (acked) fields[`${field}_acked`] = acked;
        if (found.nacked) errors[short] = found.nacked.error.message;
      }
      return {
        cluster_id: client.cluster,
        proxy: proxyName(client),
        proxy_type: client.type,
        proxy_version: client.version,
        istio_version: client.istioVersion,
        ...fields,
        ...(Object.keys(errors).length ? { errors } : {}),
      };
    })
    .sort((a, b) => (a.proxy < b.proxy ? -1 : 1));
}

/** `/debug/connections` and `adsz`. */
export function connectionsPage(connections: readonly ConnectionStatus[]): unknown[] {
  return proxiesOf(connections).map(({ id, client, address, protocol, connectedAt, types }) => ({
    connectionId: id,
    address,
    protocol,
    connectedAt: new Date(connectedAt).toISOString(),
    node: client.id,
    cluster: client.cluster,
    labels: client.labels,
    locality: client.locality,
    watches: types.map((type) => ({
      typeUrl: type.typeUrl,
      wildcard: type.wildcard,
      subscribed: type.subscribed,
      synced: type.synced,
      sent: type.sent && { nonce: type.sent.nonce, version: type.sent.version, bytes: type.sent.bytes },
      acked: type.acked,
      nacked: type.nacked,
    })),
  }));
}
