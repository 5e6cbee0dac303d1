// What each endpoint of a service port speaks: a workload may have a proxy and a PeerAuthentication that says DISABLE.
import type { Family, Graph } from '../graph/graph.ts';
import { portKeyId } from '../ingest/endpoints.ts';
import type { Mesh, ServicePortKey } from '../ingest/mesh.ts';
import type { Endpoint } from '../model/endpoint.ts';
import { workloadMutualTls } from './inbound-mtls.ts';

interface WorkloadPort {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly port: number;
}

export interface SpokenEndpoints {
  /** The mesh's endpoints with the `tlsMode` that callers must use. */
  readonly endpoints: Family<ServicePortKey, readonly Endpoint[]>;
  /** Whether some of them do not take the mesh's mutual TLS. */
  readonly somePlaintext: Family<ServicePortKey, boolean>;
}

export function defineSpokenEndpoints(graph: Graph, mesh: Mesh): SpokenEndpoints {
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
  const endpoints = graph.derived(
    'spokenEndpoints',
    (key: ServicePortKey, read): readonly Endpoint[] => {
      const known = read(mesh.endpoints, key);
      const refuses = (e: Endpoint) =>
        e.tlsMode === 'istio' &&
        read(mayDisable, e.namespace) !== undefined &&
        !read(accepts, { namespace: e.namespace, labels: e.labels, port: e.port });
      return known.some(refuses) ? known.map((e) => (refuses(e) ? { ...e, tlsMode: 'disabled' } : e)) : known;
    },
    { id: portKeyId },
  );
  return {
    endpoints,
    // Most changes of endpoints end here: clusters know no more of them than this.
    somePlaintext: graph.derived(
      'somePlaintext',
      (key: ServicePortKey, read) => read(endpoints, key).some(({ tlsMode }) => tlsMode !== 'istio'),
      { id: portKeyId },
    ),
  };
}
