// Which Service gets which LoadBalancer address: a pure function of all Services of a cluster.
import { addressAt, type Cidr, contains, formatAddress, parseAddress, sizeOf } from './cidr.ts';

/** The parts of a Service that matter here. */
export interface Service {
  readonly metadata: { readonly namespace: string; readonly name: string; readonly creationTimestamp?: string };
  readonly spec?: {
    readonly type?: string;
    readonly loadBalancerIP?: string;
    readonly loadBalancerClass?: string;
  };
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] } };
}

/** A status that a Service should get. */
export interface Assignment {
  readonly namespace: string;
  readonly name: string;
  /** Undefined takes the address away. */
  readonly address: string | undefined;
}

/** What to change so that every LoadBalancer Service has an address of its own. */
export interface Assignments {
  readonly changes: readonly Assignment[];
  /** `namespace/name` of those for which no address is left. */
  readonly waiting: readonly string[];
}

/**
 * Assigns addresses of `range`. Addresses that Services hold stay theirs (the older Service keeps one that two hold);
 * a wished `spec.loadBalancerIP` is granted when it is free and in range, else the lowest free address is taken.
 */
export function assignAddresses(services: readonly Service[], range: Cidr): Assignments {
  const ordered = services.toSorted((a, b) => sortKey(a).localeCompare(sortKey(b)));
  const holders = new Map<string, Service>();
  for (const service of ordered) {
    const held = heldAddress(service);
    if (held && wantsAddress(service) && inRange(held, range) && !holders.has(held)) holders.set(held, service);
  }
  const changes: Assignment[] = [];
  const waiting: string[] = [];
  for (const service of ordered) {
    const { namespace, name } = service.metadata;
    const held = heldAddress(service);
    if (!wantsAddress(service)) {
      // A Service that stopped being one keeps no address of ours; others' addresses are not ours to take.
      if (held && inRange(held, range) && !service.spec?.loadBalancerClass)
        changes.push({ namespace, name, address: undefined });
      continue;
    }
    if (held && holders.get(held) === service) continue;
    const address = freeAddress(service, range, holders);
    if (!address) {
      waiting.push(`${namespace}/${name}`);
      continue;
    }
    holders.set(address, service);
    changes.push({ namespace, name, address });
  }
  return { changes, waiting };
}

function wantsAddress(service: Service): boolean {
  return service.spec?.type === 'LoadBalancer' && !service.spec.loadBalancerClass;
}

function heldAddress(service: Service): string | undefined {
  return service.status?.loadBalancer?.ingress?.[0]?.ip;
}

function freeAddress(service: Service, range: Cidr, holders: ReadonlyMap<string, Service>): string | undefined {
  const wished = service.spec?.loadBalancerIP;
  if (wished && inRange(wished, range) && !holders.has(wished)) return wished;
  for (let offset = 1; offset < sizeOf(range) - 1; offset++) {
    const address = addressAt(range, offset);
    if (!holders.has(address)) return address;
  }
  return undefined;
}

function inRange(address: string, range: Cidr): boolean {
  try {
    const number = parseAddress(address);
    return formatAddress(number) === address && contains(range, number);
  } catch {
    return false;
  }
}

function sortKey({ metadata }: Service): string {
  return `${metadata.creationTimestamp ?? ''} ${metadata.namespace}/${metadata.name}`;
}
