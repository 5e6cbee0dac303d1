// One outbound listener: the chains for all that is claimed on its address and port.

import { TrafficDirection } from '../../gen/envoy/config/core/v3/base_pb.js';
import type { Filter, FilterChainSchema } from '../../gen/envoy/config/listener/v3/listener_components_pb.js';
import type { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.js';
import type { WeightedDestination } from '../../model/route.ts';
import { BLACK_HOLE, PASSTHROUGH } from '../../view/names.ts';
import { ANY_ADDRESS, type ListenerClaim, listenerName } from '../../view/outbound-listeners.ts';
import { duration, type Init } from '../any.ts';
import { type ClusterNamer, chosenOf, forwardTo } from '../gateway/tcp-proxy.ts';
import { httpConnectionManager } from '../http-connection-manager.ts';
import { opaqueConnection } from '../opaque.ts';
import type { Loggers } from '../telemetry/loggers.ts';
import { httpInspector, tlsInspector } from './inspectors.ts';
import { forwardToChain } from './shared-filters.ts';

type Chain = Init<typeof FilterChainSchema>;

/** A service's claim with the TCP or TLS rules that hold for it. */
export interface ClaimRoutes {
  readonly claim: ListenerClaim;
  /** In order; the first that matches wins. Without any, connections go to the service. */
  readonly rules: readonly ClaimRule[];
}

export interface ClaimRule {
  /** Server names asked for; [] for any. */
  readonly sniHosts: readonly string[];
  /** Destination addresses; [] for any. */
  readonly subnets: readonly string[];
  readonly destinations: readonly WeightedDestination[];
}

export interface ListenerOptions {
  readonly address: string;
  readonly port: number;
  readonly claims: readonly ClaimRoutes[];
  readonly clusterOf: ClusterNamer;
  readonly loggers: Loggers;
  /** Connections to addresses that nobody claims may pass. */
  readonly allowAny: boolean;
  /** How long to wait for a client's first bytes; 0 for as long as it takes. */
  readonly detectionTimeoutMs: number;
  readonly transparent: boolean;
}

/** Where HTTP and opaque services claim the same wildcard port, the oldest one decides; the others keep what can be told apart. */
export function outboundListener(options: ListenerOptions): Init<typeof ListenerSchema> {
  const { address, port, claims } = options;
  const wildcard = address === ANY_ADDRESS;
  const chains: Chain[] = [];
  let open = true;
  let sniffs = false;
  let readsNames = false;
  const add = (chain: Chain, matchesAll: boolean) => {
    if (matchesAll && !open) return;
    if (matchesAll) open = false;
    chains.push(chain);
  };
  let http = false;
  for (const { claim, rules } of claims) {
    if (claim.kind === 'http') {
      if (!http) add({ filters: [connectionManager(options, String(port))] }, true);
      http = true;
      continue;
    }
    if (claim.kind === 'auto' && open) {
      sniffs = true;
      const route = wildcard ? String(port) : `${claim.host}:${port}`;
      if (!wildcard || !http) {
        add({ filterChainMatch: HTTP_BYTES, filters: [connectionManager(options, route)] }, false);
      }
      http ||= wildcard;
    }
    for (const rule of rules.length > 0 ? rules : [toService(claim, wildcard)]) {
      const match = chainMatch(rule, claim);
      readsNames ||= rule.sniHosts.length > 0;
      const { filters, ...named } = forward(rule.destinations, options);
      const all = claim.kind === 'auto' ? [opaqueConnection(), ...filters] : filters;
      add({ ...named, ...(match && { filterChainMatch: match }), filters: all }, match === undefined);
    }
  }
  return {
    name: listenerName(address, port),
    address: socketAddress(address, port),
    bindToPort: false,
    trafficDirection: TrafficDirection.OUTBOUND,
    ...(options.transparent && { transparent: true }),
    ...withDefault(distinct(chains), open ? fallback(options) : undefined),
    listenerFilters: [...(sniffs || readsNames ? [tlsInspector()] : []), ...(sniffs ? [httpInspector()] : [])],
    ...((sniffs || readsNames) && {
      listenerFiltersTimeout: duration(options.detectionTimeoutMs),
      continueOnListenerFiltersTimeout: true,
    }),
  };
}

/** To one cluster by the filters that all such chains share, to several by a proxy of its own. */
function forward(destinations: readonly WeightedDestination[], { port, clusterOf, loggers }: ListenerOptions) {
  const [only, ...more] = chosenOf(destinations);
  if (!only || more.length > 0) return { filters: [forwardTo(destinations, port, clusterOf, loggers.tcp)] };
  return { name: clusterOf(only.destination, port), filters: forwardToChain() };
}

/**
 * Envoy looks for the best match step by step and never goes back: a chain that matches the transport protocol hides one that
 * matches everything. So what matches everything is the default, unless it is alone.
 */
function withDefault(chains: readonly Chain[], fallbackChain: Chain | undefined): Init<typeof ListenerSchema> {
  if (fallbackChain) return { filterChains: [...chains], defaultFilterChain: fallbackChain };
  const matching = chains.filter(({ filterChainMatch }) => filterChainMatch !== undefined);
  const all = chains.find(({ filterChainMatch }) => filterChainMatch === undefined);
  if (!all || matching.length === 0) return { filterChains: [...chains] };
  return { filterChains: matching, defaultFilterChain: all };
}

const HTTP_BYTES = { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.0', 'http/1.1', 'h2c'] };

export function socketAddress(address: string, port: number) {
  return {
    address: {
      case: 'socketAddress' as const,
      value: { address, portSpecifier: { case: 'portValue' as const, value: port } },
    },
  };
}

function connectionManager({ address, port, loggers }: ListenerOptions, route: string): Filter {
  return httpConnectionManager({
    role: 'outbound',
    statPrefix: `outbound_${listenerName(address, port)}`,
    routes: { kind: 'rds', name: route },
    accessLog: loggers.http,
  });
}

/** On a wildcard address several TLS services share a port: the server name tells which one is meant. */
function toService(claim: ListenerClaim, wildcard: boolean): ClaimRule {
  const { host, port } = claim;
  const named = claim.kind === 'tls' && wildcard && claim.cidr === '' && host !== '*';
  return {
    sniHosts: named ? [host] : [],
    subnets: [],
    destinations: [{ destination: { host, subset: '', port }, weight: 1, headers: NO_HEADERS }],
  };
}

const NO_CHANGE = { set: {}, add: {}, remove: [] };
const NO_HEADERS = { request: NO_CHANGE, response: NO_CHANGE };

function chainMatch(rule: ClaimRule, claim: ListenerClaim): Chain['filterChainMatch'] {
  const subnets = rule.subnets.length > 0 ? rule.subnets : claim.cidr ? [claim.cidr] : [];
  if (subnets.length === 0 && rule.sniHosts.length === 0) return undefined;
  return {
    ...(subnets.length > 0 && { prefixRanges: subnets.map(cidrRange) }),
    ...(rule.sniHosts.length > 0 && { serverNames: rule.sniHosts.filter((h) => h !== '*') }),
  };
}

export function cidrRange(cidr: string): { addressPrefix: string; prefixLen: number } {
  const [addressPrefix = '', length] = cidr.split('/');
  return { addressPrefix, prefixLen: length === undefined ? (addressPrefix.includes(':') ? 128 : 32) : Number(length) };
}

/** Envoy refuses a listener with two chains of one match; the earlier one is the older service's. */
function distinct(chains: readonly Chain[]): Chain[] {
  const seen = new Set<string>();
  return chains.filter((chain) => {
    const key = JSON.stringify(chain.filterChainMatch ?? null);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

export function fallback({ allowAny, loggers }: Pick<ListenerOptions, 'allowAny' | 'loggers'>): Chain {
  const cluster = allowAny ? PASSTHROUGH : BLACK_HOLE;
  const destinations = [{ destination: { host: cluster, subset: '', port: 0 }, weight: 1, headers: NO_HEADERS }];
  return { name: `${cluster}`, filters: [forwardTo(destinations, 0, (d) => d.host, loggers.tcp)] };
}
