// Service objects and ServiceEntries → services of the mesh, and which of them a namespace sees.
import type { Family, Graph, Read } from '../graph/graph.ts';
import { splitKey } from '../kinds/object.ts';
import type { ServiceValue } from '../kinds/service.ts';
import type { ServiceEntryConfig } from '../kinds/service-entry.ts';
import type { Service } from '../model/service.ts';
import { isClusterLocal } from './cluster-local.ts';
import type { ByNamespace, MeshInputs } from './inputs.ts';
import { fromKubernetes } from './kubernetes-service.ts';
import type { MeshFacts } from './mesh-config.ts';
import { fromServiceEntries } from './service-entry.ts';
import { isVisible, visibilityTerms } from './visibility.ts';

export interface ServiceFamilies {
  /** Service by id `namespace/host`. */
  readonly service: Family<string, Service | undefined>;
  /** Ids of a namespace's services, sorted. */
  readonly servicesIn: Family<string, readonly string[]>;
  /** Ids of all services of that exact host, in any namespace, sorted. */
  readonly claims: Family<string, readonly string[]>;
  /** Ids of the services that have a virtual address somewhere, sorted. */
  readonly addressClaims: Family<string, readonly string[]>;
  /** Ids that every namespace sees, sorted. Key ''. */
  readonly publicServices: Family<string, readonly string[]>;
  /** Ids that a namespace sees and others may not, sorted. */
  readonly privateServices: Family<string, readonly string[]>;
  /**
   * The service that a host means for clients of a namespace ('' for one with nothing private): key `namespace|host`.
   * A Kubernetes Service goes before ServiceEntries, then the oldest.
   */
  readonly locate: Family<string, string | undefined>;
}

export const serviceId = (namespace: string, host: string): string => `${namespace}/${host}`;

/** Namespace and host of a service id. */
export function splitServiceId(id: string): { namespace: string; host: string } {
  const slash = id.indexOf('/');
  return { namespace: id.slice(0, slash), host: id.slice(slash + 1) };
}

export interface ServiceOptions {
  readonly graph: Graph;
  readonly inputs: MeshInputs;
  readonly inNamespace: ByNamespace;
  readonly facts: MeshFacts;
  readonly configCluster: string;
  readonly domain: string;
}

export function defineServices(options: ServiceOptions): ServiceFamilies {
  const { graph, inputs, inNamespace, facts, domain } = options;
  const hostOf = (namespace: string, name: string) => `${name}.${namespace}.svc.${domain}`;
  const kubernetesByHost = graph.index(inputs.service, 'serviceByHost', (_, key) => {
    const { namespace, name } = splitKey(key);
    return [hostOf(namespace, name)];
  });
  const entryByHost = graph.index(inputs.serviceEntry, 'serviceEntryByHost', (entry) => entry.spec.hosts.map(lower));
  const kubernetesByAddress = graph.index(inputs.service, 'serviceByAddress', (s) => s.clusterIps);
  const entryByAddress = graph.index(inputs.serviceEntry, 'serviceEntryByAddress', (e) => e.spec.addresses);
  const kubernetesByExport = graph.index(inputs.service, 'serviceByExport', (s, key) =>
    visibilityTerms(exportToOf(s), splitKey(key).namespace),
  );
  const entryByExport = graph.index(inputs.serviceEntry, 'serviceEntryByExport', (e, key) =>
    visibilityTerms(e.spec.exportTo, splitKey(key).namespace),
  );

  const service = graph.derived('service', (id: string, read): Service | undefined => {
    const { namespace, host } = splitServiceId(id);
    const exports = read(facts.defaultExports, '');
    const objects = found(read, inputs.service, read(kubernetesByHost, host)).filter(
      (o) => o.value.meta.namespace === namespace,
    );
    if (objects.length > 0) {
      const clusterLocal = isClusterLocal(read(facts.clusterLocal, ''), host);
      return fromKubernetes({ host, objects, exports, clusterLocal, configCluster: options.configCluster });
    }
    const entries = found(read, inputs.serviceEntry, read(entryByHost, host)).filter(
      (o) => o.value.meta.namespace === namespace,
    );
    return entries.length > 0 ? fromServiceEntries({ host, entries, exports }) : undefined;
  });

  const idsOf = (read: Read, kubernetesKeys: readonly string[], entryKeys: readonly string[]): string[] => {
    const ids = new Set(
      kubernetesKeys.map((key) => {
        const { namespace, name } = splitKey(key);
        return serviceId(namespace, hostOf(namespace, name));
      }),
    );
    for (const { value } of found(read, inputs.serviceEntry, entryKeys)) {
      for (const host of value.spec.hosts) ids.add(serviceId(value.meta.namespace, lower(host)));
    }
    return [...ids].sort();
  };

  const claims = graph.derived('serviceClaims', (host: string, read) =>
    [
      ...new Set([
        ...read(kubernetesByHost, host).map((key) => serviceId(splitKey(key).namespace, host)),
        ...read(entryByHost, host).map((key) => serviceId(splitKey(key).namespace, host)),
      ]),
    ].sort(),
  );

  return {
    service,
    claims,
    addressClaims: graph.derived('addressClaims', (address: string, read) =>
      idsOf(read, read(kubernetesByAddress, address), read(entryByAddress, address)),
    ),
    servicesIn: graph.derived('servicesIn', (namespace: string, read) =>
      idsOf(read, read(inNamespace.service, namespace), read(inNamespace.serviceEntry, namespace)),
    ),
    publicServices: graph.derived('publicServices', (_: string, read) => {
      const terms = read(facts.defaultExports, '').service.includes('*') ? ['*', 'unset'] : ['*'];
      return idsOf(
        read,
        terms.flatMap((t) => read(kubernetesByExport, t)),
        terms.flatMap((t) => read(entryByExport, t)),
      );
    }),
    privateServices: graph.derived('privateServices', (namespace: string, read) => {
      const fallback = read(facts.defaultExports, '').service;
      const terms = [`ns:${namespace}`];
      if (fallback.includes('.')) terms.push(`unset:${namespace}`);
      if (fallback.includes(namespace)) terms.push('unset');
      return idsOf(
        read,
        terms.flatMap((t) => read(kubernetesByExport, t)),
        terms.flatMap((t) => read(entryByExport, t)),
      );
    }),
    locate: graph.derived('locateService', (key: string, read) => {
      const bar = key.indexOf('|');
      const namespace = key.slice(0, bar);
      const ids = read(claims, key.slice(bar + 1));
      const candidates = ids
        .map((id) => ({ id, service: read(service, id) }))
        .filter((c) => c.service && isVisible(c.service.visibility, namespace));
      candidates.sort((a, b) => precedence(a.service!, b.service!));
      return candidates[0]?.id;
    }),
  };
}

/** Kubernetes before ServiceEntry, so that nobody can take over a Service's name; then the older; then by namespace. */
export function precedence(a: Service, b: Service): number {
  const rank = (s: Service) => (s.source.kind === 'Service' ? 0 : 1);
  return rank(a) - rank(b) || compare(a.created, b.created) || compare(a.namespace, b.namespace);
}

export interface Found<V> {
  readonly key: string;
  readonly value: V;
}

function found<V>(read: Read, input: Family<string, V | undefined>, keys: readonly string[]): Found<V>[] {
  return keys.flatMap((key) => {
    const value = read(input, key);
    return value === undefined ? [] : [{ key, value }];
  });
}

export type FoundService = Found<ServiceValue>;
export type FoundEntry = Found<ServiceEntryConfig>;

/** The exportTo annotation of a Service. */
export function exportToOf(service: ServiceValue): string[] {
  const written = service.meta.annotations['networking.istio.io/exportTo'];
  return written
    ? written
        .split(',')
        .map((n) => n.trim())
        .filter(Boolean)
    : [];
}

const lower = (s: string) => s.toLowerCase();
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
