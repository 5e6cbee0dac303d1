// HTTP rules → Envoy routes, for sidecars and gateways alike.
import {
  RouteAction_ClusterNotFoundResponseCode as NotFound,
  type RouteActionSchema,
  type RouteSchema,
  type WeightedCluster_ClusterWeightSchema,
} from '../../gen/envoy/config/route/v3/route_components_pb.js';
import type { Any } from '../../gen/google/protobuf/any_pb.js';
import type {
  Destination,
  HeaderOperations,
  HttpMatch,
  HttpRule,
  Retry,
  RouteRules,
  WeightedDestination,
} from '../../model/route.ts';
import { matchesSource } from '../../view/destination-cluster.ts';
import type { OutboundScope } from '../../view/outbound-scope.ts';
import { duration, type Init } from '../any.ts';
import { PEER_HEADER } from '../telemetry/peer.ts';
import { CORS_FILTER, corsConfig } from './cors.ts';
import { FAULT_FILTER, faultConfig, fraction } from './fault.ts';
import { type HashOn, hashPolicy } from './hash-policy.ts';
import { authorityOf, headerFields } from './headers.ts';
import { matchesAll, routeMatch } from './matchers.ts';
import { directAction, redirectAction } from './redirect.ts';
import { retryPolicy } from './retry.ts';

type Route = Init<typeof RouteSchema>;
type Action = Init<typeof RouteActionSchema>;

export interface RouteContext {
  /** `mesh`, or the Gateway's `namespace/name`. */
  readonly gateway: string;
  /** Whose requests these are. */
  readonly caller: OutboundScope;
  /** The port that the caller used. */
  readonly port: number;
  readonly clusterOf: (destination: Destination) => string;
  /** Whether a destination is no part of the mesh. */
  readonly outside: (destination: Destination) => boolean;
  /** Retries where a rule says nothing; undefined for the built-in policy. */
  readonly defaultRetry?: Retry | undefined;
  /** Set for destinations that are balanced by a hash of the request. */
  readonly hashOn: (destination: Destination) => HashOn | undefined;
}

/** The routes of one VirtualService, in order; what no request can reach is left out. */
export function httpRoutes(rules: RouteRules, context: RouteContext): Route[] {
  const routes: Route[] = [];
  const origin = originOf(rules);
  for (const rule of rules.http) {
    if (rule.matches.length === 0) return [...routes, route(rule, undefined, context, origin)];
    for (const match of rule.matches) {
      if (match.port !== 0 && match.port !== context.port) continue;
      if (!matchesSource(match, context.caller, context.gateway)) continue;
      routes.push(route(rule, match, context, origin));
      if (matchesAll(match)) return routes;
    }
  }
  return routes;
}

function route(rule: HttpRule, match: HttpMatch | undefined, context: RouteContext, origin: Route): Route {
  const name = match?.name ? (rule.name ? `${rule.name}.${match.name}` : match.name) : rule.name;
  const filters: Record<string, Any> = {};
  if (rule.cors) filters[CORS_FILTER] = corsConfig(rule.cors);
  if (rule.fault) filters[FAULT_FILTER] = faultConfig(rule.fault);
  return {
    ...(name && { name }),
    match: routeMatch(match),
    action: actionOf(rule, match, context),
    ...headerFields(leavesMesh(rule, context) ? withoutPeer(rule.headers) : rule.headers),
    ...(match?.statPrefix && { statPrefix: match.statPrefix }),
    typedPerFilterConfig: filters,
    ...origin,
  };
}

/** Who calls is nobody's business outside. Where some requests of a rule stay in the mesh, they lose the name with the others. */
function leavesMesh({ action, mirrors }: HttpRule, { outside }: RouteContext): boolean {
  if (action.kind !== 'route') return false;
  return [...action.destinations, ...mirrors].some(({ destination }) => outside(destination));
}

function withoutPeer(operations: HeaderOperations): HeaderOperations {
  const { request } = operations;
  return { ...operations, request: { ...request, remove: [...request.remove, PEER_HEADER] } };
}

function actionOf(rule: HttpRule, match: HttpMatch | undefined, context: RouteContext): Route['action'] {
  const { action } = rule;
  switch (action.kind) {
    case 'redirect':
      return redirectAction(action, { port: context.port });
    case 'direct':
      return directAction(action.status, action.body);
    case 'invalid':
      return directAction(action.status, '');
    case 'route':
      return { case: 'route', value: forward(rule, action.destinations, match, context) };
  }
}

function forward(
  rule: HttpRule,
  destinations: readonly WeightedDestination[],
  match: HttpMatch | undefined,
  context: RouteContext,
): Action {
  const hashes = destinations.flatMap((d) => context.hashOn(d.destination) ?? []);
  const unique = [...new Map(hashes.map((on) => [JSON.stringify(on), on])).values()];
  const hashed = unique.length > 0;
  return {
    ...clusters(destinations, rule, context),
    // A destination that does not exist is the configuration's fault, not the upstream's.
    clusterNotFoundResponseCode: NotFound.INTERNAL_SERVER_ERROR,
    ...timeouts(rule.timeoutMs ?? 0),
    // Without a policy of its own the route takes the virtual host's.
    ...((rule.retries || hashed) && { retryPolicy: retryPolicy(rule.retries ?? context.defaultRetry, { hashed }) }),
    hashPolicy: unique.map(hashPolicy),
    requestMirrorPolicies: rule.mirrors
      .filter((m) => m.percent > 0)
      .map((m) => ({
        cluster: context.clusterOf(m.destination),
        runtimeFraction: { defaultValue: fraction(m.percent) },
      })),
    ...rewrite(rule, destinations, match),
  };
}

/** Destinations of weight 0 get nothing, unless there is only one. */
function clusters(destinations: readonly WeightedDestination[], rule: HttpRule, context: RouteContext): Action {
  const weighted = destinations.filter((d) => d.weight > 0);
  const chosen = weighted.length > 0 ? weighted : destinations.slice(0, 1);
  const [only] = chosen;
  if (chosen.length === 1 && only && !changesHeaders(only)) {
    return { clusterSpecifier: { case: 'cluster', value: context.clusterOf(only.destination) } };
  }
  const own = rule.rewrite?.authority || authorityOf(rule.headers);
  return {
    clusterSpecifier: {
      case: 'weightedClusters',
      value: {
        clusters: chosen.map((d): Init<typeof WeightedCluster_ClusterWeightSchema> => {
          const authority = authorityOf(d.headers);
          return {
            name: context.clusterOf(d.destination),
            weight: Math.max(1, d.weight),
            ...headerFields(d.headers),
            ...(authority &&
              !own && { hostRewriteSpecifier: { case: 'hostRewriteLiteral' as const, value: authority } }),
          };
        }),
      },
    },
  };
}

function changesHeaders({ headers }: WeightedDestination): boolean {
  return [headers.request, headers.response].some(
    (c) => c.remove.length > 0 || Object.keys(c.set).length > 0 || Object.keys(c.add).length > 0,
  );
}

function rewrite(rule: HttpRule, _: readonly WeightedDestination[], match: HttpMatch | undefined): Action {
  const authority = rule.rewrite?.authority || authorityOf(rule.headers);
  const host: Action = authority ? { hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: authority } } : {};
  const { rewrite: wanted } = rule;
  if (wanted?.uriRegex) {
    const { match: regex, rewrite: substitution } = wanted.uriRegex;
    return { ...host, regexRewrite: { pattern: { regex }, substitution } };
  }
  if (!wanted?.uri) return host;
  // Envoy cannot rewrite "the prefix" of a path that a regular expression matched: all that matched is replaced.
  if (match?.uri?.kind === 'regex') {
    return { ...host, regexRewrite: { pattern: { regex: match.uri.value }, substitution: wanted.uri } };
  }
  return { ...host, prefixRewrite: wanted.uri };
}

/**
 * Without a timeout of the rule, deadlines that gRPC clients set count. Saying so makes Envoy ignore `timeout`, so with a
 * timeout it is not said.
 */
export function timeouts(timeoutMs: number): Action {
  if (timeoutMs > 0) return { timeout: duration(timeoutMs) };
  return { timeout: duration(0), maxStreamDuration: { grpcTimeoutHeaderMax: duration(0) } };
}

/** Where a route comes from; `proxy-config routes` shows it. */
function originOf({ source }: RouteRules): Route {
  const { namespace, name } = source;
  const config = `/apis/networking.istio.io/v1/namespaces/${namespace}/virtual-service/${name}`;
  return { metadata: { filterMetadata: { istio: { config } } } };
}
