// Whether a workload takes the mesh's mutual TLS on a port: it may have a proxy and a PeerAuthentication that says DISABLE.
import type { Family, Graph } from '../graph/graph.ts';
import type { Mesh } from '../ingest/mesh.ts';
import type { PeerAuthentication } from '../model/security.ts';
import { workloadMutualTls } from './inbound-mtls.ts';

export interface WorkloadPort {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly port: number;
}

export interface AcceptsTls {
  /** Namespace → the policies of which one disables TLS; undefined almost always. */
  readonly mayDisable: Family<string, readonly PeerAuthentication[] | undefined>;
  /** Only worth asking where `mayDisable` has an answer. */
  readonly accepts: Family<WorkloadPort, boolean>;
}

export function defineAcceptsTls(graph: Graph, mesh: Mesh): AcceptsTls {
  // Almost always nothing disables TLS; that is found out once a namespace and not once a workload.
  const mayDisable = graph.derived('mayDisableTls', (namespace: string, read) => {
    const root = read(mesh.rootNamespace, '');
    const policies = [
      ...read(mesh.peerAuthentications, root),
      ...(namespace === root ? [] : read(mesh.peerAuthentications, namespace)),
    ];
    return policies.some((p) => p.mode === 'disable' || Object.values(p.ports).includes('disable'))
      ? policies
      : undefined;
  });
  const accepts = graph.derived(
    'acceptsTls',
    ({ namespace, labels, port }: WorkloadPort, read) => {
      const policies = read(mayDisable, namespace);
      if (!policies) return true;
      const accepted = workloadMutualTls(policies, { namespace, labels, rootNamespace: read(mesh.rootNamespace, '') });
      return (accepted.ports[port] ?? accepted.mode) !== 'disable';
    },
    { id: ({ namespace, labels, port }) => `${namespace}:${port}:${JSON.stringify(labels)}` },
  );
  return { mayDisable, accepts };
}
