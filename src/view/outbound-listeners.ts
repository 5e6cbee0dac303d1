// Which addresses and ports a sidecar listens on for its application, and what it expects there.
import type { Family, Graph, Read } from '../graph/graph.ts';
import type { Mesh } from '../ingest/mesh.ts';
import { isHttp, isTls } from '../ingest/protocol.ts';
import { splitServiceId } from '../ingest/services.ts';
import { addAllTo, addTo } from '../lib/multimap.ts';
import type { Service, ServicePort } from '../model/service.ts';
import { parseScope } from './outbound-scope.ts';
import { idOf, type OutboundServices, type ScopedNamespace, scopedNamespaceId } from './outbound-services.ts';

export const ANY_ADDRESS = '0.0.0.0';

/** What one service port contributes to one listener. */
export interface ListenerClaim {
  /** `0.0.0.0`, a virtual address, or a CIDR's first address with `cidr` set. */
  readonly address: string;
  readonly port: number;
  /** http: shared route table of the port; auto: look at the bytes; tls: look at the server name; tcp: forward. */
  readonly kind: 'http' | 'auto' | 'tls' | 'tcp';
  readonly host: string;
  readonly namespace: string;
  /** Prefix lengths other than a single address, as written (`10.0.0.0/8`); '' for one address. */
  readonly cidr: string;
  readonly created: string;
}

export interface OutboundListeners {
  /** Scope → names of its listeners without virtualOutbound. */
  readonly names: Family<string, readonly string[]>;
  /** Claims on one listener, oldest service first. Of HTTP claims on a wildcard listener only the oldest of each namespace. */
  readonly claims: Family<{ scope: string; name: string }, readonly ListenerClaim[]>;
}

/** `0.0.0.0_80`, `10.96.0.10_53`. */
export const listenerName = (address: string, port: number): string => `${address}_${port}`;

export function defineOutboundListeners(graph: Graph, mesh: Mesh, services: OutboundServices): OutboundListeners {
  const scoped = { id: ({ scope, service }: { scope: string; service: string }): [string, string] => [scope, service] };
  const claimsOf = graph.derived(
    'listenerClaimsOf',
    ({ scope, service: id }: { scope: string; service: string }, read): readonly ListenerClaim[] => {
      const { cluster = '', base = '' } = parseScope(scope);
      const service = read(services.lookup, { scope: base, host: splitServiceId(id).host });
      if (!service || service.resolution === 'alias') return service ? aliasClaims(service) : [];
      return service.ports.flatMap((port) => {
        if (port.protocol === 'udp') return [];
        const endpoints = () =>
          service.headless
            ? read(mesh.endpoints, { service: idOf(service), port: port.port }).map((e) => e.address)
            : [];
        const addresses = () => read(services.addresses, { scope: base, cluster, service: id });
        return portClaims({ service, port, addresses, members: endpoints });
      });
    },
    scoped,
  );

  // Names alone: most changes of a service leave them as they are, and the lists behind stop here.
  const namesOf = graph.derived(
    'listenerNamesOf',
    (key: { scope: string; service: string }, read) => [
      ...new Set(read(claimsOf, key).map((c) => listenerName(c.address, c.port))),
    ],
    scoped,
  );

  const claimantsIn = graph.derived(
    'listenerClaimantsIn',
    ({ scope, namespace }: ScopedNamespace, read): Claimants => {
      const result = new Map<string, string[]>();
      for (const service of read(services.visibleIn, { scope: parseScope(scope).base ?? '', namespace })) {
        for (const name of read(namesOf, { scope, service })) addTo(result, name, service);
      }
      return result;
    },
    { id: scopedNamespaceId },
  );
  // Who claims what, on shelves: a listener reads its own shelf, so that a new one makes few others look.
  const shelves = graph.derived('listenerShelves', (scope: string, read): readonly Claimants[] => {
    const result = Array.from({ length: SHELVES }, () => new Map<string, string[]>());
    for (const namespace of read(services.namespaces, parseScope(scope).base ?? '')) {
      for (const [name, claimants] of read(claimantsIn, { scope, namespace })) {
        addAllTo(result[shelfOf(name)]!, name, claimants);
      }
    }
    return result;
  });
  const shelf = graph.derived(
    'listenerShelf',
    ({ scope, shelf }: { scope: string; shelf: number }, read) => read(shelves, scope)[shelf]!,
    { id: ({ scope, shelf }) => [scope, String(shelf)] },
  );
  const claimantsOf = graph.derived(
    'listenerClaimantsOf',
    ({ scope, name }: { scope: string; name: string }, read) =>
      read(shelf, { scope, shelf: shelfOf(name) }).get(name) ?? [],
    { id: ({ scope, name }) => [scope, name] },
  );

  const claimsFrom = (
    read: Read,
    { scope, name }: { scope: string; name: string },
    claimants: readonly string[],
  ): ListenerClaim[] =>
    claimants.flatMap((service) =>
      read(claimsOf, { scope, service }).filter((c) => listenerName(c.address, c.port) === name),
    );
  // HTTP services of a port share its wildcard listener by the thousand, and the oldest one stands for all of them.
  const claimsIn = graph.derived(
    'listenerClaimsIn',
    ({ scope, namespace, name }: ScopedNamespace & { name: string }, read): readonly ListenerClaim[] => {
      const claimants = read(claimantsIn, { scope, namespace }).get(name) ?? [];
      const claims = claimsFrom(read, { scope, name }, claimants).sort(byAge);
      const oldest = claims.find(({ kind }) => kind === 'http');
      return claims.filter((claim) => claim.kind !== 'http' || claim === oldest);
    },
    { id: ({ scope, namespace, name }) => [scope, `${name} ${namespace}`] },
  );

  return {
    names: graph.derived('outboundListenerNames', (scope: string, read) =>
      read(shelves, scope).flatMap((claimants) => [...claimants.keys()]),
    ),
    claims: graph.derived(
      'listenerClaims',
      ({ scope, name }: { scope: string; name: string }, read) => {
        if (!isWildcard(name)) return claimsFrom(read, { scope, name }, read(claimantsOf, { scope, name })).sort(byAge);
        const namespaces = read(services.namespaces, parseScope(scope).base ?? '');
        return namespaces.flatMap((namespace) => read(claimsIn, { scope, namespace, name })).sort(byAge);
      },
      { id: ({ scope, name }) => [scope, name] },
    ),
  };
}

const isWildcard = (listener: string): boolean => listener.startsWith(`${ANY_ADDRESS}_`);

const byAge = (a: ListenerClaim, b: ListenerClaim): number => compare(a.created, b.created) || compare(a.host, b.host);

/** Listener → services that claim it. */
type Claimants = ReadonlyMap<string, readonly string[]>;

const SHELVES = 64;

function shelfOf(name: string): number {
  let sum = 0;
  for (let i = 0; i < name.length; i++) sum = (Math.imul(sum, 31) + name.charCodeAt(i)) | 0;
  return (sum >>> 0) % SHELVES;
}

/** An ExternalName has no address of its own: only requests that name it can be routed. */
function aliasClaims(service: Service): ListenerClaim[] {
  return service.ports
    .filter((p) => isHttp(p.protocol) || p.protocol === 'auto')
    .map((p) => claim(service, p, 'http', ANY_ADDRESS, ''));
}

interface PortClaims {
  readonly service: Service;
  readonly port: ServicePort;
  /** Virtual addresses; asked for only where they matter. */
  readonly addresses: () => readonly string[];
  /** Addresses of the endpoints of a headless service. */
  readonly members: () => readonly string[];
}

function portClaims({ service, port, addresses, members }: PortClaims): ListenerClaim[] {
  if (isHttp(port.protocol)) return [claim(service, port, 'http', ANY_ADDRESS, '')];
  const kind = port.protocol === 'auto' ? 'auto' : isTls(port.protocol) ? 'tls' : 'tcp';
  if (service.headless) {
    return [...new Set(members())].map((address) => claim(service, port, kind, address, ''));
  }
  // Having none is something else than having lost them to another service.
  if (Object.keys(service.addresses).length === 0) return [claim(service, port, kind, ANY_ADDRESS, '')];
  return addresses().map((address) =>
    address.includes('/') && !isSingle(address)
      ? claim(service, port, kind, ANY_ADDRESS, address)
      : claim(service, port, kind, address.split('/')[0]!, ''),
  );
}

const isSingle = (cidr: string) => cidr.endsWith('/32') || cidr.endsWith('/128');

function claim(
  service: Service,
  port: ServicePort,
  kind: ListenerClaim['kind'],
  address: string,
  cidr: string,
): ListenerClaim {
  const { host, namespace, created } = service;
  return { address, port: port.port, kind, host, namespace, cidr, created };
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
