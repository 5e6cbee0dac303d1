// Which hosts a route table has, and the names by which callers ask for each.
import type { Family, Graph } from '../graph/graph.ts';
import { hostNamespace } from '../ingest/hosts.ts';
import type { Mesh } from '../ingest/mesh.ts';
import { isHttp } from '../ingest/protocol.ts';
import { splitServiceId } from '../ingest/services.ts';
import { isVisible } from '../ingest/visibility.ts';
import type { Service } from '../model/service.ts';
import { parseScope } from './outbound-scope.ts';
import type { OutboundServices } from './outbound-services.ts';

export interface PortScope {
  readonly scope: string;
  readonly port: number;
}

export interface VirtualHosts {
  /** Hosts in the route table of a port, sorted. The scope is a base scope. */
  readonly hosts: Family<PortScope, readonly string[]>;
  /** Names `<table>/<host>:<port>` of the virtual hosts of a base scope that mean the same everywhere, sorted. */
  readonly names: Family<string, readonly string[]>;
  /** Those of the Services of one namespace, and of names without dots. */
  readonly namesAtHome: Family<HomeScope, readonly string[]>;
}

export interface HomeScope {
  readonly scope: string;
  readonly namespace: string;
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
  const tables = graph.derived('hostsByPort', (scope: string, read): ReadonlyMap<number, readonly string[]> => {
    const result = new Map<number, string[]>();
    const add = (port: number, host: string) => {
      const known = result.get(port);
      if (known) known.push(host);
      else result.set(port, [host]);
    };
    for (const service of read(services.visible, scope)) {
      for (const port of read(routed, { scope, service })) add(port, splitServiceId(service).host);
    }
    for (const host of read(ruleHosts, scope)) add(RULE_PORT, host);
    for (const hosts of result.values()) hosts.sort();
    return result;
  });
  // Split by namespace in one pass: every namespace of callers has a list of its own.
  const atHome = graph.derived(
    'virtualHostNamesByHome',
    (scope: string, read): ReadonlyMap<string, readonly string[]> => {
      const result = new Map<string, string[]>();
      for (const [port, hosts] of read(tables, scope)) {
        for (const host of hosts) {
          const namespace = isBare(host) ? BARE : hostNamespace(host, mesh.domain);
          const known = result.get(namespace);
          if (known) known.push(virtualHostName(port, host));
          else result.set(namespace, [virtualHostName(port, host)]);
        }
      }
      for (const names of result.values()) names.sort();
      return result;
    },
  );
  return {
    names: graph.derived('virtualHostNames', (scope: string, read) =>
      [...read(atHome, scope)].flatMap(([namespace, names]) => (namespace === BARE ? [] : names)).sort(),
    ),
    namesAtHome: graph.derived(
      'virtualHostNamesAtHome',
      ({ scope, namespace }: HomeScope, read) =>
        [...(read(atHome, scope).get(namespace) ?? []), ...(read(atHome, scope).get(BARE) ?? [])].sort(),
      { id: ({ scope, namespace }) => `${scope}\n${namespace}` },
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
