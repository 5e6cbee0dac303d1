// Which hosts a route table has, and the names by which callers ask for each.
import type { Family, Graph } from '../graph/graph.ts';
import { hostNamespace } from '../ingest/hosts.ts';
import type { Mesh } from '../ingest/mesh.ts';
import { isHttp } from '../ingest/protocol.ts';
import { splitServiceId } from '../ingest/services.ts';
import { isVisible } from '../ingest/visibility.ts';
import { addAllTo, addTo } from '../lib/multimap.ts';
import type { Service } from '../model/service.ts';
import { parseScope } from './outbound-scope.ts';
import { type OutboundServices, type ScopedNamespace, scopedNamespaceId } from './outbound-services.ts';

export interface PortScope {
  readonly scope: string;
  readonly port: number;
}

export interface VirtualHosts {
  /** Hosts in the route table of a port, sorted. The scope is a base scope. */
  readonly hosts: Family<PortScope, readonly string[]>;
  /** Names `<table>/<host>:<port>` of the virtual hosts of a base scope that mean the same everywhere, by namespace. */
  readonly names: Family<string, readonly string[]>;
  /** Those of the Services of one namespace, and of names without dots. */
  readonly namesAtHome: Family<ScopedNamespace, readonly string[]>;
}

/** Name of a virtual host as a resource: `<route table>/<host>:<port>`. */
export const virtualHostName = (port: number, host: string): string => `${port}/${host}:${port}`;

const BARE = '~';
/** A name without dots: it means something else in every namespace. */
export const isBare = (host: string): boolean => !host.includes('.') && host !== '*';

/** Whether the virtual host of a host differs for callers of a namespace: its Services have short names there. */
export function isAtHome(host: string, home: string, domain: string): boolean {
  return isBare(host) || hostNamespace(host, domain) === home;
}

/** The Service that a short name (`a`, `a.b`, `a.b.svc`) would mean for callers of a namespace; '' for other names. */
export function fullNameOf(host: string, home: string, domain: string): string {
  const labels = host.split('.');
  if (labels.length === 1) return home && !host.startsWith('*') ? `${host}.${home}.svc.${domain}` : '';
  if (labels.length === 2 || (labels.length === 3 && labels[2] === 'svc'))
    return `${labels[0]}.${labels[1]}.svc.${domain}`;
  return '';
}

/** Hosts that only rules name are routed on this port. */
const RULE_PORT = 80;

export function defineVirtualHosts(graph: Graph, mesh: Mesh, services: OutboundServices): VirtualHosts {
  const scoped = { id: ({ scope, service }: { scope: string; service: string }): [string, string] => [scope, service] };
  const routed = graph.derived(
    'routedPorts',
    ({ scope, service }: { scope: string; service: string }, read): readonly number[] => {
      const found = read(services.lookup, { scope, host: splitServiceId(service).host });
      return found?.ports.filter((p) => isHttp(p.protocol) || p.protocol === 'auto').map((p) => p.port) ?? [];
    },
    scoped,
  );
  /** Hosts of rules for sidecars that are no services. */
  const ruleHosts = graph.derived('ruleHosts', (scope: string, read): readonly string[] => {
    const { namespace = '' } = parseScope(scope);
    const hosts = new Set<string>();
    for (const key of read(mesh.rulesOn, 'mesh')) {
      const header = read(mesh.ruleHeader, key);
      if (!header || !isVisible(header.visibility, namespace)) continue;
      for (const host of header.hosts) {
        if (host !== '*' && !read(services.lookup, { scope, host })) hosts.add(host);
      }
    }
    return [...hosts].sort();
  });
  /** Hosts of the services of one namespace, by port. */
  const portsIn = graph.derived(
    'hostsByPortIn',
    ({ scope, namespace }: ScopedNamespace, read): ReadonlyMap<number, readonly string[]> => {
      const result = new Map<number, string[]>();
      for (const service of read(services.visibleIn, { scope, namespace })) {
        for (const port of read(routed, { scope, service })) addTo(result, port, splitServiceId(service).host);
      }
      return result;
    },
    { id: scopedNamespaceId },
  );
  const homesOf = (port: number, hosts: readonly string[], result: Map<string, string[]>): void => {
    for (const host of hosts) {
      const home = isBare(host) ? BARE : hostNamespace(host, mesh.domain);
      addTo(result, home, virtualHostName(port, host));
    }
  };
  /** Names of virtual hosts of the services of one namespace, by the namespace in which they have short names. */
  const homesIn = graph.derived(
    'virtualHostNamesByHomeIn',
    (key: ScopedNamespace, read): ReadonlyMap<string, readonly string[]> => {
      const result = new Map<string, string[]>();
      for (const [port, hosts] of read(portsIn, key)) homesOf(port, hosts, result);
      return result;
    },
    { id: scopedNamespaceId },
  );
  const tables = graph.derived('hostsByPort', (scope: string, read): ReadonlyMap<number, readonly string[]> => {
    const result = new Map<number, string[]>();
    for (const namespace of read(services.namespaces, scope)) {
      for (const [port, hosts] of read(portsIn, { scope, namespace })) addAllTo(result, port, hosts);
    }
    addAllTo(result, RULE_PORT, read(ruleHosts, scope));
    for (const hosts of result.values()) hosts.sort();
    return result;
  });
  // Split by namespace in one pass: every namespace of callers has a list of its own.
  const atHome = graph.derived(
    'virtualHostNamesByHome',
    (scope: string, read): ReadonlyMap<string, readonly string[]> => {
      const result = new Map<string, string[]>();
      for (const namespace of read(services.namespaces, scope)) {
        for (const [home, names] of read(homesIn, { scope, namespace })) addAllTo(result, home, names);
      }
      homesOf(RULE_PORT, read(ruleHosts, scope), result);
      for (const names of result.values()) names.sort();
      return result;
    },
  );
  return {
    names: graph.derived('virtualHostNames', (scope: string, read) =>
      [...read(atHome, scope)].flatMap(([namespace, names]) => (namespace === BARE ? [] : names)),
    ),
    namesAtHome: graph.derived(
      'virtualHostNamesAtHome',
      ({ scope, namespace }: ScopedNamespace, read) =>
        [...(read(atHome, scope).get(namespace) ?? []), ...(read(atHome, scope).get(BARE) ?? [])].sort(),
      { id: scopedNamespaceId },
    ),
    hosts: graph.derived('hostsOnPort', ({ scope, port }: PortScope, read) => read(tables, scope).get(port) ?? [], {
      id: ({ scope, port }) => `${scope}\n${port}`,
    }),
  };
}

export interface DomainContext {
  /** Virtual addresses of the service for these callers. */
  readonly addresses: readonly string[];
  /** Namespace whose services are known by their bare names; '' for none. */
  readonly home: string;
  readonly domain: string;
}

/** All names and addresses by which callers mean a service; ports in the authority are ignored by the route table. */
export function domainsOf(service: Service, { addresses, home, domain }: DomainContext): string[] {
  const { host } = service;
  const names = [host];
  const suffix = `.svc.${domain}`;
  if (host.endsWith(suffix) && !host.startsWith('*')) {
    const [name = '', namespace = '', ...rest] = host.slice(0, -suffix.length).split('.');
    if (rest.length === 0 && namespace) {
      if (namespace === home) names.push(name);
      names.push(`${name}.${namespace}`, `${name}.${namespace}.svc`);
    }
  }
  // Members of a headless service have names below it.
  const members = service.headless ? names.map((n) => `*.${n}`) : [];
  const single = addresses.filter((a) => !a.includes('/'));
  return [...names, ...members, ...single.map((a) => (a.includes(':') ? `[${a}]` : a))];
}
