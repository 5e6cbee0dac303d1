// What a hashing load balancer hashes: said in the route, because it is a property of the request.
import type { RouteAction_HashPolicySchema } from '../../gen/envoy/config/route/v3/route_components_pb.js';
import type { LoadBalancer } from '../../model/traffic.ts';
import { duration, type Init } from '../any.ts';

type HashPolicy = Init<typeof RouteAction_HashPolicySchema>;

export type HashOn = Extract<LoadBalancer, { kind: 'hash' }>['on'];

export function hashPolicy(on: HashOn): HashPolicy {
  switch (on.kind) {
    case 'header':
      return { policySpecifier: { case: 'header', value: { headerName: on.name } } };
    case 'query':
      return { policySpecifier: { case: 'queryParameter', value: { name: on.name } } };
    case 'cookie':
      return {
        policySpecifier: {
          case: 'cookie',
          value: {
            name: on.name,
            path: on.path,
            ...(on.ttlMs !== undefined && { ttl: duration(on.ttlMs) }),
          },
        },
      };
    case 'source-ip':
      return { policySpecifier: { case: 'connectionProperties', value: { sourceIp: true } } };
  }
}
