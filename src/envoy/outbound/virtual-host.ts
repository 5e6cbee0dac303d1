// One host of an outbound route table.
import type { RouteSchema, VirtualHostSchema } from '../../gen/envoy/config/route/v3/route_components_pb.js';
import type { Retry } from '../../model/route.ts';
import { PASSTHROUGH } from '../../view/names.ts';
import type { Init } from '../any.ts';
import { type HashOn, hashPolicy } from '../routes/hash-policy.ts';
import { timeouts } from '../routes/http-routes.ts';
import { retryPolicy } from '../routes/retry.ts';
import { PEER_HEADER } from '../telemetry/peer.ts';

type VirtualHost = Init<typeof VirtualHostSchema>;
type Route = Init<typeof RouteSchema>;

export interface VirtualHostOptions {
  readonly name: string;
  readonly domains: readonly string[];
  readonly routes: readonly Route[];
  /** The mesh's own policy; undefined for the built-in one. */
  readonly defaultRetry: Retry | undefined;
}

export function virtualHost(options: VirtualHostOptions): VirtualHost {
  return {
    name: options.name,
    domains: [...options.domains],
    routes: [...options.routes],
    includeRequestAttemptCount: true,
    // Said once here and not in each route: a route's own policy goes before it.
    retryPolicy: retryPolicy(options.defaultRetry, { hashed: false }),
  };
}

export interface DefaultRouteOptions {
  readonly hashOn: HashOn | undefined;
  readonly defaultRetry: Retry | undefined;
  /** The service is no part of the mesh. */
  readonly outside: boolean;
}

/** Everything to one cluster: a service without rules. */
export function defaultRoute(cluster: string, { hashOn, defaultRetry, outside }: DefaultRouteOptions): Route {
  return {
    ...(outside && { requestHeadersToRemove: [PEER_HEADER] }),
    name: 'default',
    match: { pathSpecifier: { case: 'prefix', value: '/' } },
    action: {
      case: 'route',
      value: {
        clusterSpecifier: { case: 'cluster', value: cluster },
        ...timeouts(0),
        ...(hashOn && { hashPolicy: [hashPolicy(hashOn)], retryPolicy: retryPolicy(defaultRetry, { hashed: true }) }),
      },
    },
  };
}

/** Requests for hosts that nobody knows. */
export function catchAll(allowAny: boolean): VirtualHost {
  const match: Route['match'] = { pathSpecifier: { case: 'prefix', value: '/' } };
  const route: Route = allowAny
    ? {
        name: 'allow_any',
        match,
        requestHeadersToRemove: [PEER_HEADER],
        action: {
          case: 'route',
          value: {
            clusterSpecifier: { case: 'cluster', value: PASSTHROUGH },
            ...timeouts(0),
          },
        },
      }
    : { name: 'block_all', match, action: { case: 'directResponse', value: { status: 502 } } };
  return {
    name: allowAny ? 'allow_any' : 'block_all',
    domains: ['*'],
    routes: [route],
    includeRequestAttemptCount: true,
  };
}
