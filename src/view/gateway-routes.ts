// Which hosts a route table of a gateway has, and the rules for each.
import type { RouteRules } from '../model/route.ts';
import { type BoundServer, type GatewayListener, serverNames } from './gateway.ts';
import { boundRules, serves } from './gateway-l4.ts';
import { hostIntersection } from './hosts.ts';

/** One host of a route table. */
export interface GatewayHost {
  readonly host: string;
  /** Rules and the Gateway they came through, oldest first. */
  readonly rules: readonly { readonly rules: RouteRules; readonly gateway: string; readonly port: number }[];
  /** Plaintext requests are told to come again over TLS. */
  readonly httpsRedirect: boolean;
}

/** Servers whose requests are routed by the table of that name. */
export function serversOfTable(listeners: readonly GatewayListener[], name: string): BoundServer[] {
  return listeners.flatMap(({ servers }) => servers.filter(({ routeName }) => routeName === name));
}

/**
 * Hosts of a table, sorted. A host that several VirtualServices claim has the rules of all of them; a server that redirects
 * to TLS has its hosts in the table even when no VirtualService names them.
 */
export function gatewayHosts(
  servers: readonly BoundServer[],
  rulesOn: (gateway: string) => readonly RouteRules[],
): GatewayHost[] {
  const hosts = new Map<string, { rules: GatewayHost['rules'][number][]; httpsRedirect: boolean }>();
  const entry = (host: string) => {
    const known = hosts.get(host) ?? { rules: [], httpsRedirect: false };
    hosts.set(host, known);
    return known;
  };
  for (const bound of servers) {
    const redirect = bound.server.tls?.httpsRedirect === true;
    if (redirect) for (const host of serverNames(bound.server)) entry(host).httpsRedirect = true;
    for (const rules of boundRules(bound, rulesOn(bound.gateway))) {
      if (rules.http.length === 0) continue;
      for (const host of hostsOf(bound, rules)) {
        const known = entry(host);
        if (redirect) known.httpsRedirect = true;
        const same = known.rules.some((one) => one.rules === rules && one.gateway === bound.gateway);
        if (!same) known.rules.push({ rules, gateway: bound.gateway, port: bound.port });
      }
    }
  }
  return [...hosts].map(([host, value]) => ({ host, ...value })).sort((a, b) => (a.host < b.host ? -1 : 1));
}

/** The part of the rules' hosts that the server serves: the narrower pattern of each pair. */
function hostsOf(bound: BoundServer, rules: RouteRules): string[] {
  const { namespace } = rules.source;
  const found = rules.hosts.flatMap((host) =>
    bound.server.hosts
      .filter((own) => (own.namespace === '*' || own.namespace === namespace) && serves(bound, host, namespace))
      .flatMap((own) => hostIntersection(own.host, host) ?? []),
  );
  return [...new Set(found)];
}
