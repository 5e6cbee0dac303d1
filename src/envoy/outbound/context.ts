// What all outbound generators share: the mesh, scopes, services and clusters as families of one graph.
import type { Family, Graph } from '../../graph/graph.ts';
import type { Mesh } from '../../ingest/mesh.ts';
import { defineOutboundClusters, type OutboundClusters } from '../../view/outbound-cluster.ts';
import { defineOutboundScopes, type OutboundScopes } from '../../view/outbound-scope.ts';
import { defineOutboundServices, type OutboundServices } from '../../view/outbound-services.ts';
import { defineSpokenEndpoints, type SpokenEndpoints } from '../../view/spoken-endpoints.ts';
import type { Loggers, Reporter } from '../telemetry/loggers.ts';

export interface OutboundContext {
  readonly graph: Graph;
  readonly mesh: Mesh;
  readonly scopes: OutboundScopes;
  readonly services: OutboundServices;
  readonly spoken: SpokenEndpoints;
  readonly clusters: OutboundClusters;
  readonly loggers: Family<Reporter, Loggers>;
}

export function outboundContext(graph: Graph, mesh: Mesh, loggers: Family<Reporter, Loggers>): OutboundContext {
  const services = defineOutboundServices(graph, mesh);
  const spoken = defineSpokenEndpoints(graph, mesh);
  return {
    graph,
    mesh,
    scopes: defineOutboundScopes(graph, mesh),
    services,
    spoken,
    clusters: defineOutboundClusters({ graph, mesh, services, spoken }),
    loggers,
  };
}
