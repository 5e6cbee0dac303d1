// DestinationRules → destination policies, and which of them holds for a service as seen by a client.
import type { Family, Graph, Read } from '../graph/graph.ts';
import type { DestinationRuleConfig } from '../kinds/destination-rule.ts';
import { refOf } from '../kinds/object.ts';
import type { DestinationPolicy } from '../model/traffic.ts';
import { fullHost, hostNamespace, mostSpecific } from './hosts.ts';
import type { ByNamespace, MeshInputs } from './inputs.ts';
import type { DestinationQuery } from './mesh.ts';
import type { MeshFacts } from './mesh-config.ts';
import { splitServiceId } from './services.ts';
import { trafficPolicy } from './traffic-policy.ts';
import { isVisible, visibilityOf } from './visibility.ts';

export interface DestinationOptions {
  readonly graph: Graph;
  readonly inputs: MeshInputs;
  readonly inNamespace: ByNamespace;
  readonly facts: MeshFacts;
  readonly domain: string;
}

export interface DestinationFamilies {
  readonly destinationPolicy: Family<DestinationQuery, DestinationPolicy | undefined>;
  /** Keys of rules that make a namespace's view its own: rules for foreign hosts in it, rules exported to it alone. */
  readonly privateDestinationRules: Family<string, readonly string[]>;
}

const LABELED = 'labeled';

export function defineDestinations({
  graph,
  inputs,
  inNamespace,
  facts,
  domain,
}: DestinationOptions): DestinationFamilies {
  const keysIn = inNamespace.destinationRule;
  // A wildcard rule may hold for any host of its namespace, so lookups go by exact host first and list the wildcards.
  const byHost = graph.index(inputs.destinationRule, 'destinationRuleByHost', (rule) => {
    const host = fullHost(rule.spec.host, rule.meta.namespace, domain);
    return [host.startsWith('*') ? `${rule.meta.namespace}|*` : `${rule.meta.namespace}|${host}`];
  });
  const scoped = graph.index(inputs.destinationRule, 'destinationRuleScopes', (rule) => [
    ...privateTo(rule, domain).map((namespace) => `ns:${namespace}`),
    ...(rule.spec.workloadSelector ? [LABELED] : []),
  ]);

  const policy = graph.derived('destinationRulePolicy', (key: string, read): DestinationPolicy | undefined => {
    const rule = read(inputs.destinationRule, key);
    if (!rule) return undefined;
    const { meta, spec } = rule;
    const selector = spec.workloadSelector?.matchLabels;
    return {
      source: refOf('DestinationRule', key),
      created: meta.created,
      host: fullHost(spec.host, meta.namespace, domain),
      visibility: visibilityOf(spec.exportTo, meta.namespace, read(facts.defaultExports, '').destinationRule),
      ...(spec.trafficPolicy && { policy: trafficPolicy(spec.trafficPolicy) }),
      subsets: spec.subsets.map((s) => ({
        name: s.name,
        labels: s.labels,
        ...(s.trafficPolicy && { policy: trafficPolicy(s.trafficPolicy) }),
      })),
      ...(selector && Object.keys(selector).length > 0 && { workloadSelector: selector }),
    };
  });

  /** Rules of one namespace that cover a host, of the most specific pattern, merged. */
  const best = (read: Read, namespace: string, host: string, client: string, own: boolean, labels: Labels) => {
    const keys = [...read(byHost, `${namespace}|${host}`), ...read(byHost, `${namespace}|*`)];
    const rules = keys
      .map((key) => read(policy, key))
      .filter((p): p is DestinationPolicy => p !== undefined)
      .filter((p) => own || isVisible(p.visibility, client))
      .filter((p) => !p.workloadSelector || (own && carries(labels, p.workloadSelector)));
    const pattern = mostSpecific(
      rules.map((r) => r.host),
      host,
    );
    const matching = rules.filter((r) => r.host === pattern);
    const selected = matching.filter((r) => r.workloadSelector);
    return merge(selected.length > 0 ? selected : matching);
  };

  return {
    destinationPolicy: graph.derived(
      'destinationPolicy',
      ({ namespace, service, labels = {} }: DestinationQuery, read) => {
        const { namespace: owner, host } = splitServiceId(service);
        const root = read(facts.rootNamespace, '');
        return (
          (namespace ? best(read, namespace, host, namespace, true, labels) : undefined) ??
          (owner && owner !== namespace ? best(read, owner, host, namespace, false, labels) : undefined) ??
          (root !== namespace && root !== owner ? best(read, root, host, namespace, false, labels) : undefined)
        );
      },
      { id: (q) => `${q.namespace}|${q.service}|${q.labels ? JSON.stringify(q.labels) : ''}` },
    ),
    privateDestinationRules: graph.derived('privateDestinationRules', (namespace: string, read) => {
      const fallback = read(facts.defaultExports, '').destinationRule;
      return fallback.includes('*') ? read(scoped, `ns:${namespace}`) : read(keysIn, namespace);
    }),
  };
}

type Labels = Readonly<Record<string, string>>;

const carries = (labels: Labels, selector: Labels) => Object.entries(selector).every(([k, v]) => labels[k] === v);

/** Namespaces for which the rule means something that it does not mean for all others. */
function privateTo(rule: DestinationRuleConfig, domain: string): string[] {
  const { namespace } = rule.meta;
  const host = fullHost(rule.spec.host, namespace, domain);
  const own = hostNamespace(host, domain) === namespace && !rule.spec.workloadSelector;
  const { exportTo } = rule.spec;
  const everybody = exportTo.length === 0 || exportTo.includes('*');
  if (everybody) return own ? [] : [namespace];
  return [...new Set([namespace, ...exportTo.map((n) => (n === '.' ? namespace : n))])];
}

/** Several rules for one host in one namespace add up: subsets are collected, the oldest policy counts. */
function merge(rules: readonly DestinationPolicy[]): DestinationPolicy | undefined {
  if (rules.length <= 1) return rules[0];
  const ordered = [...rules].sort((a, b) => compare(a.created, b.created) || compare(a.source.name, b.source.name));
  const subsets = new Map(ordered.toReversed().flatMap((r) => r.subsets.map((s) => [s.name, s] as const)));
  const policy = ordered.find((r) => r.policy)?.policy;
  return {
    ...ordered[0]!,
    ...(policy && { policy }),
    subsets: [...subsets.values()].sort((a, b) => compare(a.name, b.name)),
  };
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
