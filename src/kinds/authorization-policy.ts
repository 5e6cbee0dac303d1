// Istio AuthorizationPolicy.
import {
  type AuthorizationPolicy,
  AuthorizationPolicySchema,
} from '../gen/security/v1beta1/authorization_policy_pb.js';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type AuthorizationPolicyConfig = Config<AuthorizationPolicy>;

export const authorizationPolicyKind = istioKind({
  id: 'authorizationPolicy',
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  kind: 'AuthorizationPolicy',
  plural: 'authorizationpolicies',
  schema: AuthorizationPolicySchema,
  check: () => [],
});
