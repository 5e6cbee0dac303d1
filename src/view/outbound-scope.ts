// Which classes of proxies see the same outbound world: a class is reduced to what outbound resources may depend on.
import type { Family, Graph } from '../graph/graph.ts';
import type { Mesh } from '../ingest/mesh.ts';
import type { Locality } from '../model/endpoint.ts';
import type { ProxyClass } from '../model/proxy.ts';
import { classById } from './class.ts';
import { selects } from './selector.ts';

/** Everything is optional: what is absent plays no role for the proxies of this scope. */
export interface OutboundScope {
  /** Set when the namespace has something of its own (private services, rules for it alone). */
  readonly namespace?: string;
  /** Labels that some rule asks of its callers. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Key of the Sidecar object in force. */
  readonly sidecar?: string;
  readonly sdsDir?: string;
  /** A gateway: nothing is captured there. */
  readonly router?: true;
  /** The proxy's own cluster, where virtual addresses or cluster-local services depend on it. */
  readonly cluster?: string;
  readonly locality?: Locality;
  readonly node?: string;
  /** Namespace whose services have short names. */
  readonly home?: string;
  /** Virtual hosts are served one by one. */
  readonly vhds?: true;
  readonly mode?: 'TPROXY';
  /** The proxy keeps no statistics of outbound clusters. */
  readonly uncounted?: true;
  /** For scopes that narrow another one: that one's text, whose values can then be shared. */
  readonly base?: string;
}

/** Canonical text of a scope; '' when nothing plays a role. */
export function scopeText(scope: OutboundScope): string {
  const entries = Object.entries(scope).filter(([, v]) => v !== undefined && v !== '');
  if (entries.length === 0) return '';
  return JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))));
}

export function parseScope(text: string): OutboundScope {
  return text === '' ? {} : JSON.parse(text);
}

export interface OutboundScopes {
  /** Class id → what all outbound resources may depend on. */
  readonly base: Family<string, string>;
  /** base and whether the clusters are counted. */
  readonly clusters: Family<string, string>;
  /** base and the proxy's cluster. */
  readonly listeners: Family<string, string>;
  /** base, the cluster and the namespace of short names. */
  readonly routes: Family<string, string>;
  /** As routes, without the namespace of short names. */
  readonly sharedRoutes: Family<string, string>;
  /** base, cluster and locality, for endpoints that depend on where the caller is. */
  readonly placed: Family<string, string>;
}

export function defineOutboundScopes(graph: Graph, mesh: Mesh): OutboundScopes {
  const ownView = graph.derived('hasOwnView', (namespace: string, read) => {
    return (
      read(mesh.privateServices, namespace).length > 0 ||
      read(mesh.privateRules, namespace).length > 0 ||
      read(mesh.privateDestinationRules, namespace).length > 0
    );
  });

  const scopeOf = graph.derived('outboundScope', (id: string, read): OutboundScope => {
    const c = classById(id);
    const labels: Record<string, string> = {};
    const asked = new Set(read(mesh.clientLabelKeys, ''));
    for (const key of read(mesh.privateDestinationRules, c.namespace)) {
      const selector = read(mesh.inputs.destinationRule, key)?.spec.workloadSelector?.matchLabels;
      for (const name of Object.keys(selector ?? {})) asked.add(name);
    }
    for (const key of [...asked].sort()) {
      const value = c.labels[key];
      if (value !== undefined) labels[key] = value;
    }
    const sidecar = c.type === 'sidecar' ? sidecarFor(c.namespace, c.labels) : undefined;
    return {
      ...((sidecar !== undefined || read(ownView, c.namespace)) && { namespace: c.namespace }),
      ...(Object.keys(labels).length > 0 && { labels }),
      ...(sidecar !== undefined && { sidecar }),
      ...(c.settings.ISTHMUS_SDS_DIR && { sdsDir: c.settings.ISTHMUS_SDS_DIR }),
      ...(c.type === 'router' && { router: true }),
    };

    function sidecarFor(namespace: string, own: Readonly<Record<string, string>>): string | undefined {
      const root = read(mesh.rootNamespace, '');
      const candidates = read(mesh.inNamespace.sidecar, namespace).flatMap((key) => {
        const config = read(mesh.inputs.sidecar, key);
        return config ? [{ key, config }] : [];
      });
      candidates.sort((a, b) => (a.config.meta.created < b.config.meta.created ? -1 : 1));
      const selecting = candidates.find(
        ({ config }) => config.spec.workloadSelector && selects(config.spec.workloadSelector.labels, own),
      );
      const general = candidates.find(({ config }) => !config.spec.workloadSelector);
      if (selecting ?? general) return (selecting ?? general)!.key;
      if (namespace === root) return undefined;
      return read(mesh.inNamespace.sidecar, root).find(
        (key) => read(mesh.inputs.sidecar, key)?.spec.workloadSelector === undefined,
      );
    }
  });

  const base = graph.derived('outboundScopeBase', (id: string, read) => scopeText(read(scopeOf, id)));
  /** A narrower scope: what it adds, and the base it narrows. */
  const narrowed = (name: string, more: (c: ProxyClass) => OutboundScope): Family<string, string> =>
    graph.derived(name, (id: string, read) => scopeText({ base: read(base, id), ...more(classById(id)) }));

  return {
    base,
    clusters: narrowed('outboundScopeClusters', (c) => ({
      ...(c.settings.ISTHMUS_CLUSTER_STATS === 'none' && { uncounted: true as const }),
    })),
    listeners: narrowed('outboundScopeListeners', (c) => ({
      cluster: c.cluster,
      ...(c.settings.INTERCEPTION_MODE === 'TPROXY' && { mode: 'TPROXY' as const }),
    })),
    routes: narrowed('outboundScopeRoutes', (c) => ({
      cluster: c.cluster,
      home: c.namespace,
      ...(c.virtualHostDiscovery && { vhds: true as const }),
    })),
    sharedRoutes: narrowed('outboundScopeSharedRoutes', (c) => ({
      cluster: c.cluster,
      ...(c.virtualHostDiscovery && { vhds: true as const }),
    })),
    placed: narrowed('outboundScopePlaced', (c) => {
      const { region, zone, subzone } = c.locality;
      return {
        cluster: c.cluster,
        ...((region || zone || subzone) && { locality: c.locality }),
        ...(c.node && { node: c.node }),
      };
    }),
  };
}
