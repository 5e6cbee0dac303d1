// Which services a scope sees, and how its callers reach each of their ports.
import type { Family, Graph } from '../graph/graph.ts';
import type { Mesh } from '../ingest/mesh.ts';
import { precedence, splitServiceId } from '../ingest/services.ts';
import { sidecarAllowsAny } from '../ingest/sidecar.ts';
import type { Service } from '../model/service.ts';
import { hostCovers } from './hosts.ts';
import { parseScope } from './outbound-scope.ts';

export interface ScopedHost {
  readonly scope: string;
  readonly host: string;
}

export interface ScopedNamespace {
  readonly scope: string;
  readonly namespace: string;
}

export interface OutboundServices {
  /** Scope → ids of its services, one a host, sorted. */
  readonly visible: Family<string, readonly string[]>;
  /** Scope → namespaces of its services, sorted. */
  readonly namespaces: Family<string, readonly string[]>;
  /**
   * Services of one namespace. Whatever lists something for every service is put together from a list for each namespace, so
   * that a new service costs its neighbours and not the mesh.
   */
  readonly visibleIn: Family<ScopedNamespace, readonly string[]>;
  /** The service that a host means in a scope. */
  readonly lookup: Family<ScopedHost, Service | undefined>;
  /** Virtual addresses by which callers of a scope in a cluster mean a service; an address means one service only. */
  readonly addresses: Family<AddressesQuery, readonly string[]>;
  /** Scope → whether its requests to hosts that nobody knows may pass: the Sidecar's word, else the mesh's. */
  readonly allowAny: Family<string, boolean>;
}

export interface AddressesQuery {
  readonly scope: string;
  readonly cluster: string;
  /** Service id. */
  readonly service: string;
}

interface AddressQuery {
  readonly scope: string;
  readonly cluster: string;
  readonly address: string;
}

export const scopedNamespaceId = ({ scope, namespace }: ScopedNamespace): [string, string] => [scope, namespace];

export const scopedHostId = ({ scope, host }: ScopedHost): [string, string] => [scope, host];

export function defineOutboundServices(graph: Graph, mesh: Mesh): OutboundServices {
  const egress = graph.derived('sidecarEgress', (key: string, read) => {
    const config = read(mesh.inputs.sidecar, key);
    const written = config?.spec.egress.flatMap((e) => e.hosts) ?? [];
    return (written.length > 0 ? written : ['*/*']).map((entry) => {
      const slash = entry.indexOf('/');
      const namespace = slash < 0 ? '*' : entry.slice(0, slash);
      const own = config?.meta.namespace ?? '';
      return { namespace: namespace === '.' ? own : namespace, host: slash < 0 ? entry : entry.slice(slash + 1) };
    });
  });
  const admits = (patterns: readonly { namespace: string; host: string }[], id: string) => {
    const { namespace, host } = splitServiceId(id);
    return patterns.some(
      (p) => p.namespace !== '~' && (p.namespace === '*' || p.namespace === namespace) && hostCovers(p.host, host),
    );
  };

  const visible = graph.derived('visibleServices', (text: string, read): readonly string[] => {
    const { namespace = '', sidecar } = parseScope(text);
    const open = read(mesh.publicServices, '');
    const own = namespace ? read(mesh.privateServices, namespace) : [];
    const patterns = sidecar === undefined ? undefined : read(egress, sidecar);
    const all = own.length === 0 ? open : [...new Set([...open, ...own])].sort();
    const admitted = patterns ? all.filter((id) => admits(patterns, id)) : all;
    // One host may be claimed in several namespaces; almost always it is not.
    const byHost = Map.groupBy(admitted, (id) => splitServiceId(id).host);
    if (byHost.size === admitted.length) return admitted;
    const chosen = [...byHost.values()].map((ids) => {
      if (ids.length === 1) return ids[0]!;
      const claims = ids.flatMap((id) => {
        const service = read(mesh.service, id);
        return service ? [{ id, service }] : [];
      });
      claims.sort((a, b) => precedence(a.service, b.service));
      return claims[0]?.id ?? ids[0]!;
    });
    return chosen.sort();
  });

  const byNamespace = graph.derived(
    'visibleByNamespace',
    (scope: string, read): ReadonlyMap<string, readonly string[]> =>
      Map.groupBy(read(visible, scope), (id) => splitServiceId(id).namespace),
  );
  const namespaces = graph.derived('visibleNamespaces', (scope: string, read) =>
    [...read(byNamespace, scope).keys()].sort(),
  );
  const visibleIn = graph.derived(
    'visibleServicesIn',
    ({ scope, namespace }: ScopedNamespace, read) => read(byNamespace, scope).get(namespace) ?? [],
    { id: scopedNamespaceId },
  );

  const lookup = graph.derived(
    'lookupService',
    ({ scope, host }: ScopedHost, read): Service | undefined => {
      const { namespace = '', sidecar } = parseScope(scope);
      const id = read(mesh.locate, `${namespace}|${host}`);
      if (id === undefined) return undefined;
      if (sidecar !== undefined && !admits(read(egress, sidecar), id)) return undefined;
      return read(mesh.service, id);
    },
    { id: scopedHostId },
  );
  const allowAny = graph.derived('scopeAllowsAny', (scope: string, read) => {
    const { sidecar } = parseScope(scope);
    const config = sidecar === undefined ? undefined : read(mesh.inputs.sidecar, sidecar);
    return (config && sidecarAllowsAny(config.spec)) ?? read(mesh.allowAny, '');
  });
  // Clusters may use the same addresses for different services; a service of the caller's own cluster owns its address there.
  const owner = graph.derived(
    'addressOwner',
    ({ scope, cluster, address }: AddressQuery, read): string | undefined => {
      const claims = read(mesh.addressClaims, address).flatMap((id) => {
        const service = read(lookup, { scope, host: splitServiceId(id).host });
        if (!service || idOf(service) !== id) return [];
        const own = ownAddresses(service, cluster);
        if (own) return own.includes(address) ? [{ id, service, rank: 0 }] : [];
        return foreignAddresses(service).includes(address) ? [{ id, service, rank: 1 }] : [];
      });
      claims.sort((a, b) => a.rank - b.rank || precedence(a.service, b.service) || (a.id < b.id ? -1 : 1));
      return claims[0]?.id;
    },
    { id: ({ scope, cluster, address }) => `${scope}\n${cluster}|${address}` },
  );
  const addresses = graph.derived(
    'addressesOf',
    ({ scope, cluster, service: id }: AddressesQuery, read): readonly string[] => {
      const service = read(mesh.service, id);
      if (!service) return [];
      const own = ownAddresses(service, cluster) ?? foreignAddresses(service);
      return own.filter(
        (address) => read(mesh.addressClaims, address).length <= 1 || read(owner, { scope, cluster, address }) === id,
      );
    },
    { id: ({ scope, cluster, service }) => `${scope}\n${cluster}|${service}` },
  );
  return { visible, namespaces, visibleIn, lookup, allowAny, addresses };
}

/** The id under which a service is known in the mesh. */
export const idOf = (service: Service): string => `${service.namespace}/${service.host}`;

/** Addresses by which callers in a cluster know a service: those of that cluster, or valid everywhere. */
function ownAddresses(service: Service, cluster: string): readonly string[] | undefined {
  return service.addresses[''] ?? service.addresses[cluster];
}

/** Addresses in the first cluster that has any: for callers in clusters where the service does not exist. */
function foreignAddresses(service: Service): readonly string[] {
  const first = Object.keys(service.addresses)[0];
  return first === undefined ? [] : service.addresses[first]!;
}
