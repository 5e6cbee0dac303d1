// Endpoints grouped as Envoy takes them: by locality, by what they speak, by priority.
import type { Endpoint, Locality, TlsMode } from '../model/endpoint.ts';
import type { LocalityBalancing } from '../model/traffic.ts';

export interface EndpointGroup {
  readonly locality: Locality;
  readonly tlsMode: TlsMode;
  /** 0 is tried first. */
  readonly priority: number;
  /** Share of traffic among localities; 0 when shares are not set. */
  readonly weight: number;
  readonly endpoints: readonly Endpoint[];
}

const textOf = ({ region, zone, subzone }: Locality): string => `${region}/${zone}/${subzone}`;

/** Groups in a stable order; the endpoints keep theirs. */
export function groupByLocality(endpoints: readonly Endpoint[]): EndpointGroup[] {
  const groups = new Map<string, { locality: Locality; tlsMode: TlsMode; endpoints: Endpoint[] }>();
  for (const e of endpoints) {
    const key = `${textOf(e.locality)}|${e.tlsMode}`;
    const group = groups.get(key);
    if (group) group.endpoints.push(e);
    else groups.set(key, { locality: e.locality, tlsMode: e.tlsMode, endpoints: [e] });
  }
  return [...groups.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, g]) => ({ ...g, priority: 0, weight: 0 }));
}

/** Whether the caller's place plays a role: shares are set, or there is outlier detection to fail over on. */
export function placeMatters(balancing: LocalityBalancing | undefined, hasOutlier: boolean): boolean {
  if (!balancing?.enabled) return false;
  return balancing.distribute.length > 0 || hasOutlier;
}

export interface Placing {
  readonly balancing: LocalityBalancing;
  readonly caller: Caller;
}

export interface Caller {
  readonly locality: Locality;
  readonly cluster: string;
  readonly node: string;
  /** Labels that rules ask for. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Shares (`distribute`) or priorities (`failover`, `failoverPriority`, else by distance) for callers in one place. */
export function placeGroups(groups: readonly EndpointGroup[], placing: Placing): EndpointGroup[] {
  const { balancing } = placing;
  const caller = placing.caller.locality;
  if (balancing.distribute.length > 0) {
    const rule = balancing.distribute.find((d) => covers(d.from, caller));
    return rule ? distributed(groups, rule.to) : [...groups];
  }
  if (balancing.failoverPriority.length > 0)
    return byLabels(groups, balancing.failoverPriority, labelsOf(placing.caller));
  if (!caller.region) return [...groups];
  const target = balancing.failover.find((f) => f.from === caller.region)?.to;
  return compact(groups.map((g) => ({ ...g, priority: distance(caller, g.locality, target) })));
}

/** 0 same place … 3 another region; with a failover rule the named region comes before all others. */
function distance(caller: Locality, other: Locality, target: string | undefined): number {
  if (caller.region !== other.region) return target === undefined ? 3 : other.region === target ? 3 : 4;
  if (caller.zone !== other.zone) return 2;
  return caller.subzone === other.subzone ? 0 : 1;
}

/** Priorities without gaps, as Envoy demands. */
function compact(groups: readonly EndpointGroup[]): EndpointGroup[] {
  const used = [...new Set(groups.map((g) => g.priority))].sort((a, b) => a - b);
  return groups
    .map((g) => ({ ...g, priority: used.indexOf(g.priority) }))
    .sort((a, b) => a.priority - b.priority || compare(textOf(a.locality), textOf(b.locality)));
}

function distributed(groups: readonly EndpointGroup[], to: Readonly<Record<string, number>>): EndpointGroup[] {
  const patterns = Object.entries(to).sort(([a], [b]) => b.length - a.length || compare(a, b));
  const sizes = new Map<string, number>();
  const chosen = groups.map((group) => {
    const match = patterns.find(([pattern]) => covers(pattern, group.locality));
    if (match) sizes.set(match[0], (sizes.get(match[0]) ?? 0) + group.endpoints.length);
    return { group, match };
  });
  return chosen.flatMap(({ group, match }) => {
    if (!match) return [];
    // A share named by a wildcard is split by the number of endpoints in each place.
    const [pattern, share] = match;
    const weight = Math.max(1, Math.round((share * 100 * group.endpoints.length) / sizes.get(pattern)!));
    return [{ ...group, weight }];
  });
}

/** The more of the listed labels an endpoint shares with the caller, in order and without a gap, the earlier it is used. */
function byLabels(
  groups: readonly EndpointGroup[],
  names: readonly string[],
  caller: Readonly<Record<string, string>>,
): EndpointGroup[] {
  const split = groups.flatMap((group) => {
    const byPriority = new Map<number, Endpoint[]>();
    for (const e of group.endpoints) {
      const labels = labelsOf(e);
      const shared = names.findIndex((entry) => {
        const [name = '', wanted] = entry.split('=');
        return (wanted ?? caller[name]) !== labels[name];
      });
      const priority = shared < 0 ? 0 : names.length - shared;
      byPriority.set(priority, [...(byPriority.get(priority) ?? []), e]);
    }
    return [...byPriority].map(([priority, endpoints]) => ({ ...group, priority, endpoints }));
  });
  return compact(split);
}

/** Labels of a workload with those that say where it runs, which it need not carry itself. */
function labelsOf({ locality, cluster, node, labels }: Caller): Readonly<Record<string, string>> {
  return {
    'topology.kubernetes.io/region': locality.region,
    'topology.kubernetes.io/zone': locality.zone,
    'topology.istio.io/subzone': locality.subzone,
    'topology.istio.io/cluster': cluster,
    'kubernetes.io/hostname': node,
    ...labels,
  };
}

/** `region`, `region/*`, `region/zone/*` … */
function covers(pattern: string, locality: Locality): boolean {
  if (pattern === '*') return true;
  const wanted = pattern.split('/');
  const actual = [locality.region, locality.zone, locality.subzone];
  return wanted.every((part, i) => part === '*' || part === actual[i]);
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
