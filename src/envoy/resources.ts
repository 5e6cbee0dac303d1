// Everything that proxies are served, by resource type: the one place where the parts meet.
import type { Graph } from '../graph/graph.ts';
import type { Mesh } from '../ingest/mesh.ts';
import { gatewayParts } from './gateway/parts.ts';
import { inboundParts } from './inbound/parts.ts';
import { outboundContext } from './outbound/context.ts';
import { outboundParts } from './outbound/parts.ts';
import { type ResourceType, TYPE_URL } from './resource.ts';
import { defineSecurityFilters } from './security/filters.ts';
import { defineLoggers } from './telemetry/loggers.ts';

/** Defines all resource types of a mesh. Call once for a graph. */
export function defineResources(graph: Graph, mesh: Mesh): readonly ResourceType[] {
  const loggers = defineLoggers(graph, mesh);
  const security = defineSecurityFilters(graph, mesh);
  const shared = { graph, mesh, loggers, security };
  const context = outboundContext(graph, mesh, loggers);
  const outbound = outboundParts(context);
  const inbound = inboundParts(shared);
  const gateway = gatewayParts({
    ...shared,
    outbound: context,
    outboundClusters: outbound.clusters[0]!,
    outboundEndpoints: outbound.endpoints,
  });
  return [
    { typeUrl: TYPE_URL.cluster, wildcard: true, parts: [...outbound.clusters, inbound.clusters, ...gateway.clusters] },
    { typeUrl: TYPE_URL.endpoints, wildcard: false, parts: [...outbound.endpoints, gateway.endpoints] },
    {
      typeUrl: TYPE_URL.listener,
      wildcard: true,
      parts: [...outbound.listeners, inbound.listeners, gateway.listeners],
    },
    { typeUrl: TYPE_URL.route, wildcard: false, parts: [...outbound.routes, gateway.routes] },
    { typeUrl: TYPE_URL.virtualHost, wildcard: true, parts: outbound.virtualHosts },
    { typeUrl: TYPE_URL.extension, wildcard: false, parts: outbound.extensions },
    { typeUrl: TYPE_URL.secret, wildcard: false, parts: [gateway.secrets] },
  ];
}
