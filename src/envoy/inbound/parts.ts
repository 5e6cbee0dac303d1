// Inbound clusters and the virtualInbound listener as parts of CDS and LDS.
import { ClusterSchema } from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.js';
import type { Family, Graph } from '../../graph/graph.ts';
import { milliseconds } from '../../ingest/duration.ts';
import type { Mesh } from '../../ingest/mesh.ts';
import { type InboundPorts, inboundPorts } from '../../view/inbound.ts';
import { workloadMutualTls } from '../../view/inbound-mtls.ts';
import { defineInboundScope, inboundScopeById } from '../../view/inbound-scope.ts';
import { type Encoded, encode, type Part, type ScopedName, sameEncoded, scopedNameId } from '../resource.ts';
import type { SecurityFilters } from '../security/filters.ts';
import type { Loggers, Reporter } from '../telemetry/loggers.ts';
import { inboundClusters } from './clusters.ts';
import { inboundListener } from './listener.ts';
import { VIRTUAL_INBOUND } from './names.ts';

export interface InboundPartsOptions {
  readonly graph: Graph;
  readonly mesh: Mesh;
  readonly loggers: Family<Reporter, Loggers>;
  readonly security: SecurityFilters;
}

/** Proxies without a workload have the scope '', which has no resources. */
export function inboundParts({ graph, mesh, loggers, security }: InboundPartsOptions): {
  clusters: Part;
  listeners: Part;
} {
  const scope = defineInboundScope(graph);

  const view = graph.derived('inboundPorts', (id: string, read): InboundPorts => {
    const { namespace, cluster, labels, podPorts } = inboundScopeById(id);
    const rootNamespace = read(mesh.rootNamespace, '');
    const policies = [...new Set([rootNamespace, namespace])].flatMap((ns) => read(mesh.peerAuthentications, ns));
    return inboundPorts({
      cluster,
      labels,
      podPorts,
      services: read(mesh.servicesIn, namespace).flatMap((service) => read(mesh.service, service) ?? []),
      mutualTls: workloadMutualTls(policies, { namespace, labels, rootNamespace }),
    });
  });

  const listener = graph.derived(
    'virtualInbound',
    (id: string, read): Encoded => {
      const { namespace, labels, sdsDir } = inboundScopeById(id);
      const logs = read(loggers, 'destination');
      const workload = { namespace, labels };
      return encode(
        VIRTUAL_INBOUND,
        ListenerSchema,
        inboundListener({
          ...read(view, id),
          trustDomains: read(security.trustDomains, ''),
          sdsDir,
          detectionTimeoutMs: milliseconds(read(mesh.meshConfig, '').protocolDetectionTimeout) ?? 0,
          httpAccessLog: logs.http,
          tcpAccessLog: logs.tcp,
          listenerAccessLog: logs.listener,
          httpFilters: read(security.http, workload),
          tcpFilters: read(security.tcp, workload),
        }),
      );
    },
    { equal: sameEncoded },
  );

  return {
    clusters: {
      name: 'inbound',
      scope,
      list: graph.derived('inboundClusterNames', (id: string, read) =>
        id === ''
          ? []
          : inboundClusters(read(view, id))
              .map(({ name }) => name!)
              .sort(),
      ),
      get: graph.derived(
        'inboundCluster',
        ({ scope: id, name }: ScopedName, read): Encoded | undefined => {
          if (id === '') return undefined;
          const found = inboundClusters(read(view, id)).find((cluster) => cluster.name === name);
          return found && encode(name, ClusterSchema, found);
        },
        { id: scopedNameId, equal: sameEncoded },
      ),
    },
    listeners: {
      name: 'inbound',
      scope,
      list: graph.derived('inboundListenerNames', (id: string) => (id === '' ? [] : [VIRTUAL_INBOUND])),
      get: graph.derived(
        'inboundListener',
        ({ scope: id, name }: ScopedName, read): Encoded | undefined =>
          id === '' || name !== VIRTUAL_INBOUND ? undefined : read(listener, id),
        { id: scopedNameId, equal: sameEncoded },
      ),
    },
  };
}
