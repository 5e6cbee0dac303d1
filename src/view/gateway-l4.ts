// Where a gateway's TLS and TCP servers forward connections: the tls and tcp rules of VirtualServices bound to them.
import type { L4Match, RouteRules, WeightedDestination } from '../model/route.ts';
import type { BoundServer } from './gateway.ts';
import { hostCovers } from './hosts.ts';
import { byAge } from './selector.ts';

/** A set of connections of one server and where they go. */
export interface GatewayForward {
  /** Server names (TLS passthrough); [] for all. */
  readonly sniHosts: readonly string[];
  /** CIDRs of the dialled address; [] for all. */
  readonly subnets: readonly string[];
  readonly destinations: readonly WeightedDestination[];
  /** The VirtualService it comes from. */
  readonly source: RouteRules['source'];
}

/** Forwards of a TLS PASSTHROUGH server; the oldest VirtualService wins a server name. */
export function passthroughForwards(bound: BoundServer, rules: readonly RouteRules[]): GatewayForward[] {
  return forwards(bound, rules, 'tls').filter(({ sniHosts }) => sniHosts.length > 0);
}

/** Forwards of a server that speaks opaque TCP (also TCP inside terminated TLS). */
export function tcpForwards(bound: BoundServer, rules: readonly RouteRules[]): GatewayForward[] {
  return forwards(bound, rules, 'tcp');
}

function forwards(bound: BoundServer, rules: readonly RouteRules[], kind: 'tls' | 'tcp'): GatewayForward[] {
  const taken = new Set<string>();
  const result: GatewayForward[] = [];
  for (const rule of boundRules(bound, rules)) {
    for (const { matches, destinations } of rule[kind]) {
      for (const match of matches.length > 0 ? matches : [ANY]) {
        if (!applies(match, bound)) continue;
        const sniHosts = match.sniHosts.filter((host) => !taken.has(key(host, match)));
        if (kind === 'tls' ? sniHosts.length === 0 : taken.has(key('', match))) continue;
        for (const host of kind === 'tls' ? sniHosts : ['']) taken.add(key(host, match));
        result.push({ sniHosts, subnets: match.destinationSubnets, destinations, source: rule.source });
      }
    }
  }
  return result;
}

/** VirtualServices that name the server's Gateway and a host that it serves for their namespace, oldest first. */
export function boundRules(bound: BoundServer, rules: readonly RouteRules[]): RouteRules[] {
  return rules
    .filter(
      ({ gateways, hosts, source }) =>
        gateways.includes(bound.gateway) && hosts.some((host) => serves(bound, host, source.namespace)),
    )
    .sort(byAge);
}

/** True when the server accepts the host for VirtualServices of that namespace. */
export function serves({ server }: BoundServer, host: string, namespace: string): boolean {
  return server.hosts.some(
    (own) =>
      (own.namespace === '*' || own.namespace === namespace) &&
      (hostCovers(own.host, host) || hostCovers(host, own.host)),
  );
}

const ANY: L4Match = {
  destinationSubnets: [],
  port: 0,
  sourceLabels: {},
  sourceNamespace: '',
  gateways: [],
  sniHosts: [],
};

const applies = (match: L4Match, bound: BoundServer): boolean =>
  (match.port === 0 || match.port === bound.port) &&
  (match.gateways.length === 0 || match.gateways.includes(bound.gateway));

const key = (host: string, match: L4Match): string => JSON.stringify([host, [...match.destinationSubnets].sort()]);
