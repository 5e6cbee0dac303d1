// Lets a proxy in when its node agrees with the identity that it has proved and its cluster is known.
import { status } from '@grpc/grpc-js';
import type { Node } from '../gen/envoy/config/core/v3/base_pb.js';
import type { Mesh } from '../ingest/mesh.ts';
import type { Proxy as Client } from '../model/proxy.ts';
import { type Peer, Refused } from '../xds/connection.ts';
import { type Caller, type Callers, Refusal, unknownCluster } from './caller.ts';
import type { Clusters } from './clusters.ts';
import { isLoopback } from './http-server.ts';
import type { Logs } from './log.ts';
import type { Metrics } from './metrics.ts';
import { BadNode, proxyOfNode } from './node.ts';
import type { ControlOptions } from './options.ts';

export interface ProxyAuthenticatorOptions {
  readonly options: ControlOptions;
  readonly mesh: Mesh;
  /** Absent in standalone runs: then every cluster is as good as another. */
  readonly clusters: Clusters | undefined;
  /** Absent for plaintext listeners, which prove nothing: they are opened on loopback, or on the operator's word. */
  readonly callers: Callers | undefined;
  readonly metrics: Metrics;
  readonly logs: Logs;
}

/** Metadata key under which it is kept whether a client may ask debug questions. No node can set it: it is always overwritten. */
export const MAY_DEBUG = 'isthmus.io/may-debug';

/** Instance names in the node ids of istioctl, ours and the stock one. */
const QUESTIONERS: readonly string[] = ['debug', 'istioctl'];

const STATUS = {
  unauthenticated: status.UNAUTHENTICATED,
  denied: status.PERMISSION_DENIED,
  unavailable: status.UNAVAILABLE,
} as const;

type Authenticate = (peer: Peer, node: Node, signal: AbortSignal) => Promise<Client>;

/** Makes the check. It rejects with Refused; every refusal is counted and logged. */
export function proxyAuthenticator(input: ProxyAuthenticatorOptions): Authenticate {
  const { options, mesh, clusters, callers, metrics } = input;
  const log = input.logs.scope('ads');

  async function admit(peer: Peer, node: Node, signal: AbortSignal): Promise<Client> {
    const caller = callers && (await identify(callers, peer, node, signal));
    const client = proxyOfNode({
      node,
      mesh,
      serviceAccount: caller?.identity.serviceAccount,
      configCluster: options.clusterId,
    });
    const mayDebug = caller ? caller.identity.namespace === options.namespace : isLocal(peer);
    // Who may see everything need not pretend to be a proxy; everybody else gets his own configuration or none.
    const debugging = mayDebug && QUESTIONERS.includes(client.instance);
    if (caller && !debugging) agree(client, caller);
    if (clusters && !debugging) checkCluster(client.cluster, clusters);
    return { ...client, metadata: { ...client.metadata, [MAY_DEBUG]: mayDebug } };
  }

  return async (peer, node, signal) => {
    try {
      return await admit(peer, node, signal);
    } catch (error) {
      const refused = explain(error);
      metrics.refused.inc({
        reason: error instanceof Refusal ? error.reason : error instanceof BadNode ? 'node' : 'internal',
      });
      log.warn(`refused ${node.id || 'a client'}: ${refused.message}`, { peer: peer.address });
      throw refused;
    }
  };
}

function identify(callers: Callers, peer: Peer, node: Node, signal: AbortSignal): Promise<Caller> {
  const claimed = node.metadata?.CLUSTER_ID;
  return callers.identify(
    {
      certificateNames: peer.certificate?.subjectaltname,
      authorization: peer.metadata('authorization'),
      cluster: peer.metadata('clusterid') || (typeof claimed === 'string' ? claimed : ''),
    },
    signal,
  );
}

/** A workload may only ask for its own configuration. */
function agree(client: Client, { identity, uri }: Caller): void {
  if (client.namespace !== identity.namespace) {
    throw new Refusal(
      'denied',
      'identity',
      `node id "${client.id}" is of namespace "${client.namespace}", but the caller has proved to be ${uri}`,
    );
  }
  const claimed = client.metadata.SERVICE_ACCOUNT;
  if (typeof claimed === 'string' && claimed && claimed !== identity.serviceAccount) {
    throw new Refusal(
      'denied',
      'identity',
      `node "${client.id}" says that its service account is "${claimed}", but the caller has proved to be ${uri}`,
    );
  }
}

/** A cluster that is still being read would look as if it had few services: its proxies come back in a moment. */
function checkCluster(id: string, clusters: Clusters): void {
  const cluster = clusters.get(id);
  if (!cluster) throw unknownCluster(id);
  if (cluster.status === 'syncing') {
    throw new Refusal('unavailable', 'syncing', `cluster "${id}" is being read; connect again in a moment`);
  }
}

function explain(error: unknown): Refused {
  if (error instanceof Refusal) return new Refused(STATUS[error.code], error.message);
  if (error instanceof BadNode) return new Refused(status.INVALID_ARGUMENT, error.message);
  return new Refused(status.INTERNAL, error instanceof Error ? error.message : String(error));
}

function isLocal(peer: Peer): boolean {
  const address = peer.address.replace(/^(ipv[46]:)/, '');
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  return isLoopback(host.startsWith('::ffff:') ? host.slice(7) : host);
}
