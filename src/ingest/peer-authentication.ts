// PeerAuthentication objects → policies of the model.
import { PeerAuthentication_MutualTLS_Mode as Mode } from '../gen/security/v1beta1/peer_authentication_pb.js';
import type { Family, Graph } from '../graph/graph.ts';
import { refOf } from '../kinds/object.ts';
import type { MutualTls, PeerAuthentication } from '../model/security.ts';
import type { ByNamespace, MeshInputs } from './inputs.ts';

const MODE: Readonly<Record<Mode, MutualTls>> = {
  [Mode.UNSET]: 'unset',
  [Mode.DISABLE]: 'disable',
  [Mode.PERMISSIVE]: 'permissive',
  [Mode.STRICT]: 'strict',
};

/** Policies of a namespace, the oldest first: where two claim the same workloads, the first one is in force. */
export function definePeerAuthentications(
  graph: Graph,
  inputs: MeshInputs,
  inNamespace: ByNamespace,
): Family<string, readonly PeerAuthentication[]> {
  return graph.derived('peerAuthentications', (namespace: string, read) => {
    const policies = read(inNamespace.peerAuthentication, namespace).flatMap((key): PeerAuthentication[] => {
      const config = read(inputs.peerAuthentication, key);
      if (!config) return [];
      const { meta, spec } = config;
      const labels = spec.selector?.matchLabels ?? {};
      return [
        {
          source: refOf('PeerAuthentication', key),
          created: meta.created,
          ...(Object.keys(labels).length > 0 && { selector: labels }),
          mode: MODE[spec.mtls?.mode ?? Mode.UNSET],
          ports: Object.fromEntries(Object.entries(spec.portLevelMtls).map(([port, tls]) => [port, MODE[tls.mode]])),
        },
      ];
    });
    return policies.sort((a, b) => compare(a.created, b.created) || compare(a.source.name, b.source.name));
  });
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
