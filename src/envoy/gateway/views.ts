// What gateway resources are made of: listeners by scope, rules by Gateway, and lookups as the proxy's namespace sees them.
import type { Family, Graph, Read } from '../../graph/graph.ts';
import type { Mesh } from '../../ingest/mesh.ts';
import { isVisible } from '../../ingest/visibility.ts';
import type { RouteRules } from '../../model/route.ts';
import { type GatewayInput, type GatewayListener, gatewayListeners } from '../../view/gateway.ts';
import { defineGatewayScope, type GatewayScope, gatewayScopeById } from '../../view/gateway-scope.ts';
import type { OutboundContext } from '../outbound/context.ts';
import type { RouteContext } from '../routes/http-routes.ts';
import { defineHashOn, routeContext } from '../routes/route-context.ts';

/** A gateway's own scope, and the outbound scope by which it reaches services. */
export interface GatewayScopes extends GatewayScope {
  readonly outbound: string;
}

export interface GatewayViews {
  /** Class id → scope, '' for sidecars. */
  readonly scope: Family<string, string>;
  readonly listeners: Family<string, readonly GatewayListener[]>;
  /** Rules bound to a Gateway that the scope's namespace sees. */
  rulesOn(read: Read, scope: string, gateway: string): readonly RouteRules[];
  /** For routes of one Gateway, reached by callers on `port`. */
  context(read: Read, scope: string, gateway: string, port: number): RouteContext;
}

export const gatewayScopes = (scope: string): GatewayScopes => {
  const [own, outbound] = JSON.parse(scope);
  return { ...gatewayScopeById(own), outbound };
};

/** What decides which ports the proxies of a scope open. */
export function gatewayInput(
  read: Read,
  mesh: Mesh,
  { namespace, labels, cluster, unprivileged }: GatewayScope,
): GatewayInput {
  return {
    gateways: read(mesh.gatewayNames, '').flatMap((name) => read(mesh.gateway, name) ?? []),
    services: read(mesh.servicesIn, namespace).flatMap((service) => read(mesh.service, service) ?? []),
    labels,
    cluster,
    unprivileged,
  };
}

export function defineGatewayViews(graph: Graph, mesh: Mesh, { scopes, services }: OutboundContext): GatewayViews {
  const own = defineGatewayScope(graph);
  const hashOn = defineHashOn(graph, mesh, services);
  const all = graph.derived('gatewayRules', (gateway: string, read): readonly RouteRules[] =>
    read(mesh.rulesOn, gateway).flatMap((key) => read(mesh.rules, key) ?? []),
  );
  return {
    scope: graph.derived('gatewayScopes', (id: string, read) => {
      const scope = read(own, id);
      return scope === '' ? '' : JSON.stringify([scope, read(scopes.base, id)]);
    }),
    listeners: graph.derived('gatewayListeners', (id: string, read): readonly GatewayListener[] => {
      return id === '' ? [] : gatewayListeners(gatewayInput(read, mesh, gatewayScopes(id))).listeners;
    }),
    rulesOn: (read, scope, gateway) =>
      read(all, gateway).filter(({ visibility }) => isVisible(visibility, gatewayScopes(scope).namespace)),
    context: (read, scope, gateway, port) =>
      routeContext({ read, mesh, services, hashOn, scope: gatewayScopes(scope).outbound, gateway, port }),
  };
}
