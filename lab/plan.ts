// The lab's plan: every name, address and path of a lab, computed from its parameters. Pure.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { addressAt, type Cidr, formatCidr, overlaps, parseCidr, subrange } from './cidr.ts';

/** What a user may choose. Ranges that are absent are chosen from the name, avoiding those in use. */
export interface LabParameters {
  /** Name of the lab: lower-case letters, digits and dashes, at most 32. */
  readonly name: string;
  /** Number of clusters, 1 to 4. */
  readonly clusters: number;
  /** Range of the bridge network with nodes and load-balancer addresses; /16 to /26. */
  readonly network?: string;
  /** Range split between the clusters' pods; /8 to /20. */
  readonly podCidr?: string;
  /** Range split between the clusters' Services; /8 to /20. */
  readonly serviceCidr?: string;
}

/** One cluster: its node is a set of namespaces on this machine. */
export interface ClusterPlan {
  readonly index: number;
  /** Name of the cluster, also of its kubeconfig context: `cluster1`. */
  readonly name: string;
  readonly node: string;
  readonly netns: string;
  /** Host's end of the cable between the node and the bridge. */
  readonly veth: string;
  /** Address of the node and, at port 6443, of the API server. */
  readonly address: string;
  readonly podCidr: string;
  /** Part of `podCidr` for this cluster's one node. */
  readonly podSubnet: string;
  readonly serviceCidr: string;
  readonly apiServiceAddress: string;
  readonly dnsServiceAddress: string;
  /** Range of the LoadBalancer addresses; routed to this cluster's node. */
  readonly loadBalancerCidr: string;
  /** Parent of the pods' cgroups, relative to each hierarchy's root. */
  readonly cgroup: string;
  readonly dir: string;
}

/** A whole lab. */
export interface LabPlan {
  readonly name: string;
  readonly dir: string;
  readonly bridge: string;
  readonly network: string;
  /** The host's own address on the bridge. */
  readonly gateway: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly clusters: readonly ClusterPlan[];
}

/** Most clusters in a lab: each range is split into this many parts. */
export const MAX_CLUSTERS = 4;
const SLOTS = 32;

/** Problems of a set of parameters, as sentences; empty when it can be planned. */
export function parameterProblems(parameters: LabParameters): string[] {
  const problems: string[] = [];
  if (!/^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/.test(parameters.name)) {
    problems.push(`--name "${parameters.name}": use 1 to 32 lower-case letters, digits and inner dashes`);
  }
  if (!Number.isInteger(parameters.clusters) || parameters.clusters < 1 || parameters.clusters > MAX_CLUSTERS) {
    problems.push(`--clusters ${parameters.clusters}: use 1 to ${MAX_CLUSTERS}`);
  }
  const ranges = [
    { flag: '--network', text: parameters.network, min: 16, max: 26 },
    { flag: '--pod-cidr', text: parameters.podCidr, min: 8, max: 20 },
    { flag: '--service-cidr', text: parameters.serviceCidr, min: 8, max: 20 },
  ].flatMap(({ flag, text, min, max }) => {
    if (text === undefined) return [];
    try {
      const cidr = parseCidr(text);
      if (cidr.prefix >= min && cidr.prefix <= max) return [{ flag, cidr }];
      problems.push(`${flag} ${text}: use a range between /${min} and /${max}`);
    } catch (error) {
      problems.push(`${flag}: ${(error as Error).message}`);
    }
    return [];
  });
  for (const [i, a] of ranges.entries()) {
    for (const b of ranges.slice(i + 1)) {
      if (overlaps(a.cidr, b.cidr)) problems.push(`${a.flag} and ${b.flag} overlap`);
    }
  }
  return problems;
}

/**
 * Plans a lab below `labsDir`. `inUse` are the ranges that this machine reaches already: default ranges avoid them.
 * Throws when parameters are wrong, a chosen range is in use, or no default range is left.
 */
export function planLab(
  parameters: LabParameters,
  { labsDir, inUse }: { labsDir: string; inUse: readonly Cidr[] },
): LabPlan {
  const problems = parameterProblems(parameters);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const { name } = parameters;
  const slot = freeSlot(parameters, inUse);
  const network = parseCidr(parameters.network ?? slotNetwork(slot));
  const pods = parseCidr(parameters.podCidr ?? slotPods(slot));
  const services = parseCidr(parameters.serviceCidr ?? '10.200.0.0/14');
  const taken = [network, pods].find((range) => inUse.some((other) => overlaps(range, other)));
  if (taken) throw new Error(`${formatCidr(taken)} is in use on this machine: choose --network and --pod-cidr`);
  const dir = join(labsDir, name);
  const tag = nameTag(name);
  const clusters = Array.from({ length: parameters.clusters }, (_, i): ClusterPlan => {
    const index = i + 1;
    const podRange = subrange(pods, pods.prefix + 2, i);
    const serviceRange = subrange(services, services.prefix + 2, i);
    return {
      index,
      name: `cluster${index}`,
      node: `node${index}`,
      netns: netnsName(name, index),
      veth: `il${tag}c${index}`,
      address: addressAt(network, 10 + index),
      podCidr: formatCidr(podRange),
      podSubnet: formatCidr(subrange(podRange, Math.max(24, podRange.prefix), 0)),
      serviceCidr: formatCidr(serviceRange),
      apiServiceAddress: addressAt(serviceRange, 1),
      dnsServiceAddress: addressAt(serviceRange, 10),
      // The upper half of the network, in as many parts as there can be clusters.
      loadBalancerCidr: formatCidr(subrange(network, network.prefix + 3, MAX_CLUSTERS + i)),
      cgroup: `isthmus-${name}-${index}`,
      dir: join(dir, `c${index}`),
    };
  });
  return {
    name,
    dir,
    bridge: bridgeName(name),
    network: formatCidr(network),
    gateway: addressAt(network, 1),
    podCidr: formatCidr(pods),
    serviceCidr: formatCidr(services),
    clusters,
  };
}

/** Whether a lab that was planned before is the one these parameters ask for. */
export function samePlan(plan: LabPlan, parameters: LabParameters): boolean {
  return (
    plan.name === parameters.name &&
    plan.clusters.length === parameters.clusters &&
    (parameters.network ?? plan.network) === plan.network &&
    (parameters.podCidr ?? plan.podCidr) === plan.podCidr &&
    (parameters.serviceCidr ?? plan.serviceCidr) === plan.serviceCidr
  );
}

/** Name of a lab's bridge: interface names have at most 15 characters, so it is made from a hash. */
export function bridgeName(lab: string): string {
  return `il${nameTag(lab)}`;
}

/** Name of a cluster's network namespace, derivable without any saved state. */
export function netnsName(lab: string, index: number): string {
  return `isthmus-${lab}-${index}`;
}

function nameTag(lab: string): string {
  return createHash('sha256').update(lab).digest('hex').slice(0, 8);
}

function slotNetwork(slot: number): string {
  return `172.30.${slot}.0/24`;
}

function slotPods(slot: number): string {
  return `10.${64 + slot * 4}.0.0/14`;
}

function freeSlot(parameters: LabParameters, inUse: readonly Cidr[]): number {
  const first = Number.parseInt(nameTag(parameters.name), 16) % SLOTS;
  const explicit = [parameters.network, parameters.podCidr, parameters.serviceCidr].flatMap((text) =>
    text === undefined ? [] : [parseCidr(text)],
  );
  for (let i = 0; i < SLOTS; i++) {
    const slot = (first + i) % SLOTS;
    const ranges = [
      ...(parameters.network ? [] : [slotNetwork(slot)]),
      ...(parameters.podCidr ? [] : [slotPods(slot)]),
    ].map(parseCidr);
    if (!ranges.some((range) => [...inUse, ...explicit].some((other) => overlaps(range, other)))) return slot;
  }
  throw new Error('no free default address range is left on this machine: choose --network and --pod-cidr');
}
