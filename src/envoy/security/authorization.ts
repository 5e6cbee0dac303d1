// AuthorizationPolicies of a workload → RBAC and external authorization filters, for requests and for opaque connections.

import type { FilterSchema } from '../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { RBAC_Action as Action, type RBACSchema } from '../../gen/envoy/config/rbac/v3/rbac_pb.js';
import { RBACSchema as HttpRbacSchema } from '../../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RBACSchema as TcpRbacSchema } from '../../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import type { AuthorizationPolicy } from '../../model/security.ts';
import { type WorkloadAuthorization, withTrustDomains } from '../../view/authorization.ts';
import { extension, type Init } from '../any.ts';
import type { HttpFilterInit } from '../http-connection-manager.ts';
import { type ExtAuthzProvider, extAuthzHttpFilter, extAuthzPolicyPrefix, extAuthzTcpFilter } from './ext-authz.ts';
import { type RuleOptions, rbacPolicy } from './rbac-rule.ts';

type Rules = Init<typeof RBACSchema>;
type FilterInit = Init<typeof FilterSchema>;

export interface AuthorizationOptions {
  readonly authorization: WorkloadAuthorization;
  /** The mesh's trust domain, then its aliases. */
  readonly trustDomains: readonly string[];
  /** External authorizers of MeshConfig by name. */
  readonly providers: Readonly<Record<string, ExtAuthzProvider>>;
}

/** Custom decisions first, then audit, deny, allow: as the API documents. */
export function httpAuthorization(options: AuthorizationOptions): HttpFilterInit[] {
  const { authorization } = options;
  return [
    ...custom(options, false, http, extAuthzHttpFilter),
    ...filtersOf(authorization.audit, Action.LOG, options, false, http),
    ...filtersOf(authorization.deny, Action.DENY, options, false, http),
    ...filtersOf(authorization.allow, Action.ALLOW, options, false, http),
  ];
}

/** The same for connections whose bytes nobody looks at. */
export function tcpAuthorization(options: AuthorizationOptions): FilterInit[] {
  const { authorization } = options;
  return [
    ...custom(options, true, tcp, extAuthzTcpFilter),
    ...filtersOf(authorization.audit, Action.LOG, options, true, tcp),
    ...filtersOf(authorization.deny, Action.DENY, options, true, tcp),
    ...filtersOf(authorization.allow, Action.ALLOW, options, true, tcp),
  ];
}

interface RbacFilter {
  readonly rules?: Rules;
  readonly shadowRules?: Rules;
  readonly shadowRulesStatPrefix: string;
}

const http = (config: RbacFilter): HttpFilterInit => extension('envoy.filters.http.rbac', HttpRbacSchema, config);
const tcp = (config: RbacFilter): FilterInit =>
  extension('envoy.filters.network.rbac', TcpRbacSchema, { ...config, statPrefix: 'tcp.' });

const ALLOW_SHADOW = 'istio_dry_run_allow_';
const DENY_SHADOW = 'istio_dry_run_deny_';
const CUSTOM_SHADOW = 'istio_ext_authz_';

function filtersOf<F>(
  policies: readonly AuthorizationPolicy[],
  action: Action,
  options: AuthorizationOptions,
  forTcp: boolean,
  filter: (config: RbacFilter) => F,
): F[] {
  if (policies.length === 0) return [];
  const enforced = policies.filter(({ dryRun }) => !dryRun);
  const dry = policies.filter(({ dryRun }) => dryRun);
  const rules = (of: readonly AuthorizationPolicy[]) =>
    of.length > 0
      ? {
          action,
          policies: policiesOf(of, options, {
            forTcp,
            dropIfPartial: action === Action.ALLOW,
            faultMatches: action === Action.DENY ? 'everything' : 'nothing',
          }),
        }
      : undefined;
  const shadowRulesStatPrefix = action === Action.DENY && dry.length > 0 ? DENY_SHADOW : ALLOW_SHADOW;
  return [filter({ rules: rules(enforced), shadowRules: rules(dry), shadowRulesStatPrefix })];
}

function policiesOf(
  policies: readonly AuthorizationPolicy[],
  { trustDomains }: AuthorizationOptions,
  options: Omit<RuleOptions, 'namespace'>,
  prefix = '',
): Rules['policies'] {
  const result: NonNullable<Rules['policies']> = {};
  for (const { source, rules } of policies) {
    const name = (index: number) => `${prefix}ns[${source.namespace}]-policy[${source.name}]-rule[${index}]`;
    // Without rules a policy matches nothing; it still counts, so an ALLOW policy without rules refuses everybody.
    if (rules.length === 0) result[name(0)] = NOTHING;
    for (const [index, rule] of rules.entries()) {
      const policy = rbacPolicy(withTrustDomains(rule, trustDomains), { ...options, namespace: source.namespace });
      if (policy) result[name(index)] = policy;
    }
  }
  return result;
}

const NOTHING: NonNullable<Rules['policies']>[string] = {
  permissions: [{ rule: { case: 'notRule', value: { rule: { case: 'any', value: true } } } }],
  principals: [{ identifier: { case: 'notId', value: { identifier: { case: 'any', value: true } } } }],
};

/**
 * CUSTOM: a shadow filter marks what the policies cover, and the authorizer is asked only then. All policies of one workload
 * use one provider (the API's rule); one that MeshConfig does not define refuses what it was to decide.
 */
function custom<F>(
  options: AuthorizationOptions,
  forTcp: boolean,
  filter: (config: RbacFilter) => F,
  authorizer: (provider: ExtAuthzProvider) => F | undefined,
): F[] {
  const first = options.authorization.custom[0];
  if (first === undefined) return [];
  const policies = options.authorization.custom.filter(({ provider }) => provider === first.provider);
  const provider = options.providers[first.provider];
  const prefix = provider ? `${extAuthzPolicyPrefix(provider.name)}-` : '';
  const rules = {
    action: Action.DENY,
    policies: policiesOf(policies, options, { forTcp, dropIfPartial: true, faultMatches: 'everything' }, prefix),
  };
  if (Object.keys(rules.policies ?? {}).length === 0) return [];
  if (!provider) return [filter({ rules, shadowRulesStatPrefix: CUSTOM_SHADOW })];
  const asking = authorizer(provider);
  return asking === undefined ? [] : [filter({ shadowRules: rules, shadowRulesStatPrefix: CUSTOM_SHADOW }), asking];
}
