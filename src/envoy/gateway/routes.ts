// Route tables of gateways.

import type { RouteSchema, VirtualHostSchema } from '../../gen/envoy/config/route/v3/route_components_pb.js';
import { VirtualHost_TlsRequirementType as Tls } from '../../gen/envoy/config/route/v3/route_components_pb.js';
import type { RouteConfigurationSchema } from '../../gen/envoy/config/route/v3/route_pb.js';
import type { GatewayHost } from '../../view/gateway-routes.ts';
import type { Init } from '../any.ts';
import { httpRoutes, type RouteContext } from '../routes/http-routes.ts';
import { retryPolicy } from '../routes/retry.ts';

type Route = Init<typeof RouteSchema>;

export interface GatewayTableOptions {
  readonly name: string;
  readonly hosts: readonly GatewayHost[];
  readonly context: (gateway: string, port: number) => RouteContext;
}

export function gatewayTable({ name, hosts, context }: GatewayTableOptions): Init<typeof RouteConfigurationSchema> {
  return {
    name,
    validateClusters: false,
    maxDirectResponseBodySizeBytes: 1048576,
    ignorePortInHostMatching: true,
    virtualHosts: hosts.map((host) => virtualHost(host, context)),
  };
}

function virtualHost(
  { host, rules, httpsRedirect }: GatewayHost,
  context: GatewayTableOptions['context'],
): Init<typeof VirtualHostSchema> {
  const [first] = rules;
  const routes = rules.flatMap(({ rules: one, gateway, port }) => httpRoutes(one, context(gateway, port)));
  return {
    name: `${host}:${rules[0]?.port ?? 80}`,
    domains: [host],
    routes: catchAllLast(routes),
    includeRequestAttemptCount: true,
    retryPolicy: retryPolicy(first && context(first.gateway, first.port).defaultRetry, { hashed: false }),
    ...(httpsRedirect && { requireTls: Tls.ALL }),
  };
}

/** With several VirtualServices on one host, the catch-all of an older one must not hide what a newer one adds. */
function catchAllLast(routes: readonly Route[]): Route[] {
  const isCatchAll = ({ match }: Route): boolean =>
    match?.pathSpecifier?.case === 'prefix' &&
    match.pathSpecifier.value === '/' &&
    !match.headers?.length &&
    !match.queryParameters?.length;
  return [...routes.filter((route) => !isCatchAll(route)), ...routes.filter(isCatchAll)];
}
