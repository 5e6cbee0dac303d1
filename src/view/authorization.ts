// The AuthorizationPolicies that hold for a workload, by what they do.
import type { AuthorizationPolicy, AuthorizationRule } from '../model/security.ts';
import type { WorkloadScope } from './inbound-mtls.ts';
import { byAge, selects } from './selector.ts';

export type WorkloadAuthorization = Readonly<Record<AuthorizationPolicy['action'], readonly AuthorizationPolicy[]>>;

/** Policies of the root namespace hold everywhere, others in their own namespace; selectors narrow both. */
export function workloadAuthorization(
  policies: readonly AuthorizationPolicy[],
  { namespace, labels, rootNamespace }: WorkloadScope,
): WorkloadAuthorization {
  const mine = policies
    .filter(
      ({ source, selector }) =>
        (source.namespace === namespace || source.namespace === rootNamespace) && selects(selector, labels),
    )
    .sort(byAge);
  const of = (action: AuthorizationPolicy['action']) => mine.filter((policy) => policy.action === action);
  return { custom: of('custom'), audit: of('audit'), deny: of('deny'), allow: of('allow') };
}

/**
 * Principals written for one trust domain of the mesh hold for all of them: after a trust domain was renamed, old policies
 * and old certificates still work. `trustDomains` is the mesh's own and its aliases.
 */
export function withTrustDomains(rule: AuthorizationRule, trustDomains: readonly string[]): AuthorizationRule {
  const expand = (principals: readonly string[]) => expandPrincipals(principals, trustDomains);
  return {
    ...rule,
    from: rule.from.map((source) => ({
      ...source,
      principals: expand(source.principals),
      notPrincipals: expand(source.notPrincipals),
    })),
    when: rule.when.map((condition) =>
      condition.key === 'source.principal'
        ? { ...condition, values: expand(condition.values), notValues: expand(condition.notValues) }
        : condition,
    ),
  };
}

function expandPrincipals(principals: readonly string[], trustDomains: readonly string[]): string[] {
  const result = new Set<string>();
  for (const principal of principals) {
    const slash = principal.indexOf('/');
    const written = principal.slice(0, slash);
    if (slash < 0 || !trustDomains.some((domain) => domainMatches(written, domain))) {
      result.add(principal);
      continue;
    }
    for (const domain of trustDomains) {
      // A pattern that already covers the domain stays as it is.
      result.add(written.includes('*') && domainMatches(written, domain) ? principal : domain + principal.slice(slash));
    }
  }
  return [...result];
}

function domainMatches(written: string, domain: string): boolean {
  if (written === '*') return true;
  if (written.startsWith('*')) return domain.endsWith(written.slice(1));
  if (written.endsWith('*')) return domain.startsWith(written.slice(0, -1));
  return written === domain;
}
