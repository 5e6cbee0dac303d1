// VirtualServices → route rules, and which of them hold for a host.

import type { HTTPRoute, RouteDestination } from '../gen/networking/v1alpha3/virtual_service_pb.js';
import type { Family, Graph } from '../graph/graph.ts';
import { objectKey, refOf } from '../kinds/object.ts';
import type { VirtualServiceConfig } from '../kinds/virtual-service.ts';
import type { L4Rule, RouteRules } from '../model/route.ts';
import { mergeDelegate } from './delegate.ts';
import { fullHost, mostSpecific } from './hosts.ts';
import { destinationOf, gatewayName, headerOperations, httpRule, type RuleContext } from './http-rule.ts';
import type { ByNamespace, MeshInputs } from './inputs.ts';
import type { MeshFacts } from './mesh-config.ts';
import { isVisible, visibilityOf } from './visibility.ts';

/** Where rules are looked up: for a host, on a gateway (`mesh` or `namespace/name`), as a client namespace sees it. */
export interface RuleQuery {
  readonly gateway: string;
  readonly host: string;
  /** '' for clients that see only what everybody sees. */
  readonly namespace: string;
}

export interface RuleFamilies {
  /** Rules of one VirtualService, delegates merged in; key `cluster/namespace/name`. */
  readonly rules: Family<string, RouteRules | undefined>;
  /** Rules for exactly the query's host or, when there are none, for the longest wildcard covering it; oldest first. */
  readonly rulesFor: Family<RuleQuery, readonly RouteRules[]>;
  /** Keys of VirtualServices attached to a gateway (`mesh` or `namespace/name`), sorted. */
  readonly rulesOn: Family<string, readonly string[]>;
  /** Hosts, gateways and visibility of a VirtualService without its routes: lists of hosts depend on no more than that. */
  readonly ruleHeader: Family<string, Pick<RouteRules, 'hosts' | 'gateways' | 'visibility' | 'created'> | undefined>;
  /** Keys of VirtualServices that mean something for a namespace that they do not mean for all. */
  readonly privateRules: Family<string, readonly string[]>;
  /** Labels of clients that some rule asks for, sorted. Key ''. */
  readonly clientLabelKeys: Family<string, readonly string[]>;
}

export interface RuleOptions {
  readonly graph: Graph;
  readonly inputs: MeshInputs;
  readonly inNamespace: ByNamespace;
  readonly facts: MeshFacts;
  readonly configCluster: string;
  readonly domain: string;
}

export function defineRules({ graph, inputs, inNamespace, facts, configCluster, domain }: RuleOptions): RuleFamilies {
  const input = inputs.virtualService;
  const on = graph.index(input, 'virtualServiceByGateway', gatewaysOf);
  const byHost = graph.index(input, 'virtualServiceByHost', (vs) => {
    const hosts = vs.spec.hosts.map((h) => fullHost(h, vs.meta.namespace, domain));
    return gatewaysOf(vs).flatMap((g) => hosts.map((h) => `${g}|${h.startsWith('*') ? '*' : h}`));
  });
  const scoped = graph.index(input, 'virtualServiceScopes', scopeTerms);

  const rules = graph.derived('rules', (key: string, read): RouteRules | undefined => {
    const vs = read(input, key);
    if (!vs) return undefined;
    const { meta, spec } = vs;
    const context: RuleContext = { namespace: meta.namespace, domain };
    const http = spec.http.flatMap((route) => {
      if (!route.delegate) return [httpRule(route, context)];
      const namespace = route.delegate.namespace || meta.namespace;
      const delegate = read(input, objectKey(configCluster, namespace, route.delegate.name));
      // Only a VirtualService without hosts can be a delegate, and a delegate cannot delegate further.
      const routes: HTTPRoute[] = delegate && delegate.spec.hosts.length === 0 ? delegate.spec.http : [];
      const inner: RuleContext = { namespace, domain };
      return mergeDelegate(
        route,
        routes.filter((r) => !r.delegate),
      ).map((r) => httpRule(r, inner));
    });
    return {
      source: refOf('VirtualService', key),
      ...headerOf(vs, domain, read(facts.defaultExports, '').virtualService),
      http,
      tls: spec.tls.map((r) => ({
        matches: r.match.map((m) => ({
          destinationSubnets: m.destinationSubnets,
          port: m.port,
          sourceLabels: m.sourceLabels,
          sourceNamespace: m.sourceNamespace,
          gateways: m.gateways.map((g) => gatewayName(g, meta.namespace)),
          sniHosts: m.sniHosts.map((h) => h.toLowerCase()),
        })),
        destinations: destinations(r.route, context),
      })),
      tcp: spec.tcp.map(
        (r): L4Rule => ({
          matches: r.match.map((m) => ({
            destinationSubnets: m.destinationSubnets,
            port: m.port,
            sourceLabels: m.sourceLabels,
            sourceNamespace: m.sourceNamespace,
            gateways: m.gateways.map((g) => gatewayName(g, meta.namespace)),
            sniHosts: [],
          })),
          destinations: destinations(r.route, context),
        }),
      ),
    };
  });

  const ruleHeader = graph.derived('ruleHeader', (key: string, read) => {
    const vs = read(input, key);
    return vs && headerOf(vs, domain, read(facts.defaultExports, '').virtualService);
  });

  const rulesFor = graph.derived(
    'rulesFor',
    ({ gateway, host, namespace }: RuleQuery, read): readonly RouteRules[] => {
      const headers = (keys: readonly string[]) =>
        keys.flatMap((key) => {
          const header = read(ruleHeader, key);
          return header && isVisible(header.visibility, namespace) ? [{ key, ...header }] : [];
        });
      let found = headers(read(byHost, `${gateway}|${host}`));
      if (found.length === 0 && !host.startsWith('*')) {
        const wild = headers(read(byHost, `${gateway}|*`));
        const best = mostSpecific(
          wild.flatMap((w) => w.hosts),
          host,
        );
        found = wild.filter((w) => best !== undefined && w.hosts.includes(best));
      } else if (host.startsWith('*')) {
        found = headers(read(byHost, `${gateway}|*`)).filter((w) => w.hosts.includes(host));
      }
      found.sort((a, b) => compare(a.created, b.created) || compare(a.key, b.key));
      return found.flatMap(({ key }) => read(rules, key) ?? []);
    },
    { id: (q) => `${q.gateway}|${q.host}|${q.namespace}` },
  );

  return {
    rules,
    ruleHeader,
    rulesFor,
    rulesOn: on,
    privateRules: graph.derived('privateRules', (namespace: string, read) => {
      const all = read(facts.defaultExports, '').virtualService.includes('*');
      return all ? read(scoped, `ns:${namespace}`) : read(inNamespace.virtualService, namespace);
    }),
    clientLabelKeys: graph.derived('clientLabelKeys', (_: string, read) => {
      const asked = read(scoped, 'labels').flatMap((key) => {
        const vs = read(input, key);
        return vs ? allMatches(vs).flatMap((m) => Object.keys(m.sourceLabels)) : [];
      });
      return [...new Set(asked)].sort();
    }),
  };
}

function headerOf(vs: VirtualServiceConfig, domain: string, fallback: readonly string[]) {
  const { meta, spec } = vs;
  return {
    created: meta.created,
    hosts: spec.hosts.map((h) => fullHost(h, meta.namespace, domain)),
    gateways: gatewaysOf(vs),
    visibility: visibilityOf(spec.exportTo, meta.namespace, fallback),
  };
}

/** A VirtualService without gateways is for sidecars; one without hosts is a delegate and attached to nothing. */
function gatewaysOf({ meta, spec }: VirtualServiceConfig): string[] {
  if (spec.hosts.length === 0) return [];
  return spec.gateways.length === 0 ? ['mesh'] : spec.gateways.map((g) => gatewayName(g, meta.namespace));
}

interface AnyMatch {
  readonly sourceLabels: Readonly<Record<string, string>>;
  readonly sourceNamespace: string;
}

function allMatches({ spec }: VirtualServiceConfig): AnyMatch[] {
  return [...spec.http, ...spec.tls, ...spec.tcp].flatMap((r): AnyMatch[] => r.match);
}

function scopeTerms(vs: VirtualServiceConfig): string[] {
  const terms = new Set<string>();
  const { exportTo } = vs.spec;
  if (exportTo.length > 0 && !exportTo.includes('*')) {
    for (const n of exportTo) terms.add(`ns:${n === '.' ? vs.meta.namespace : n}`);
  }
  for (const match of allMatches(vs)) {
    if (match.sourceNamespace) terms.add(`ns:${match.sourceNamespace}`);
    if (Object.keys(match.sourceLabels).length > 0) terms.add('labels');
  }
  return [...terms];
}

function destinations(routes: readonly RouteDestination[], context: RuleContext) {
  return routes.map((d) => ({
    destination: destinationOf(d.destination, context),
    weight: d.weight,
    headers: headerOperations(undefined),
  }));
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
