// `proxy-config listener`: where a proxy takes traffic, how it tells connections apart and where each kind goes.
import { addressOf, at, type Json, list } from './dump.ts';
import { table } from './table.ts';

export interface ListenerFilter {
  readonly address?: string;
  readonly port?: number;
  readonly type?: string;
}

const HTTP_MANAGER = 'http_connection_manager';
const TCP_PROXY = 'tcp_proxy';

const chainsOf = (listener: Json): Json[] => [
  ...list(listener.filter_chains),
  ...(listener.default_filter_chain ? [listener.default_filter_chain as Json] : []),
];

/** HTTP, TCP, HTTP+TCP, UDP or UNKNOWN, by the network filters. A chain that only refuses traffic does not count. */
export function listenerType(listener: Json): string {
  if (at(listener, 'address', 'socket_address', 'protocol') === 'UDP') return 'UDP';
  const filters = chainsOf(listener).flatMap((chain) => list(chain.filters));
  const http = filters.some((filter) => isFilter(filter, HTTP_MANAGER));
  const tcp = filters.some(
    (filter) => isFilter(filter, TCP_PROXY) && at(filter, 'typed_config', 'cluster') !== 'BlackHoleCluster',
  );
  if (http) return tcp ? 'HTTP+TCP' : 'HTTP';
  return tcp ? 'TCP' : 'UNKNOWN';
}

export function filterListeners(listeners: readonly Json[], filter: ListenerFilter): Json[] {
  const key = (listener: Json): [number, string] => {
    const { address, port } = addressOf(listener.address);
    return [port, address];
  };
  return listeners
    .filter((listener) => {
      const { address, port } = addressOf(listener.address);
      if (filter.address && address.toLowerCase() !== filter.address.toLowerCase()) return false;
      if (filter.port && port !== filter.port) return false;
      return !filter.type || listenerType(listener).toLowerCase() === filter.type.toLowerCase();
    })
    .sort((a, b) => {
      const [[portA, addressA], [portB, addressB]] = [key(a), key(b)];
      return portA - portB || (addressA < addressB ? -1 : addressA > addressB ? 1 : 0);
    });
}

/** ADDRESSES, PORT, MATCH, DESTINATION; one line a filter chain. `short` has ADDRESS, PORT, TYPE. */
export function listenerTable(listeners: readonly Json[], options: { readonly short?: boolean } = {}): string {
  if (options.short) {
    const rows = listeners.map((listener) => {
      const { address, port } = addressOf(listener.address);
      return [address, String(port), listenerType(listener)];
    });
    return table(['ADDRESS', 'PORT', 'TYPE'], rows);
  }
  const rows = listeners.flatMap((listener) => {
    const { address, port } = addressOf(listener.address);
    const chains = chainsOf(listener);
    if (!chains.length)
      return [[address, String(port), 'ALL', listenerType(listener) === 'UDP' ? 'UDP' : 'Non-HTTP/Non-TCP']];
    return chains.map((chain) => [
      address,
      String(port),
      describeMatch(chain.filter_chain_match),
      describeTarget(list(chain.filters), String(chain.name ?? '')),
    ]);
  });
  return table(['ADDRESSES', 'PORT', 'MATCH', 'DESTINATION'], rows, 1);
}

const PROTOCOLS: Readonly<Record<string, string>> = {
  'http/1.0,http/1.1,h2c': 'App: HTTP',
  'istio,istio-http/1.0,istio-http/1.1,istio-h2': 'App: Istio HTTP Plain',
  'http/1.0,http/1.1,h2c,istio-http/1.0,istio-http/1.1,istio-h2': 'App: HTTP TLS',
  'istio-peer-exchange,istio': 'App: TCP TLS',
};

function describeMatch(match: unknown): string {
  const parts: string[] = [];
  const names = at(match, 'server_names') as string[] | undefined;
  if (names?.length) parts.push(`SNI: ${names.join(',')}`);
  const transport = at(match, 'transport_protocol');
  if (transport) parts.push(`Trans: ${String(transport)}`);
  const protocols = at(match, 'application_protocols') as string[] | undefined;
  if (protocols?.length) parts.push(PROTOCOLS[protocols.join(',')] ?? `App: ${protocols.join(',')}`);
  const port = at(match, 'destination_port');
  const suffix = port === undefined ? '' : `:${String(port)}`;
  const ranges = list(at(match, 'prefix_ranges')).map(
    (range) => `${String(range.address_prefix)}/${String(range.prefix_len ?? 0)}`,
  );
  if (ranges.length) parts.push(`Addr: ${ranges.join(',')}${suffix}`);
  else if (suffix) parts.push(`Addr: *${suffix}`);
  return parts.join('; ') || 'ALL';
}

/** Chains whose filters are served apart from the listener bear the name of their cluster. */
function describeTarget(filters: readonly Json[], chain: string): string {
  for (const filter of filters) {
    const config = filter.typed_config;
    if (isFilter(filter, HTTP_MANAGER)) {
      const routes = at(config, 'route_config');
      if (routes) return describeInline(routes as Json);
      const name = at(config, 'rds', 'route_config_name');
      return name ? `Route: ${String(name)}` : 'HTTP';
    }
    if (isFilter(filter, TCP_PROXY)) {
      const weighted = list(at(config, 'weighted_clusters', 'clusters')).map((cluster) => String(cluster.name));
      if (weighted.length) return weighted.map(describeCluster).join(', ');
      return describeCluster(String(at(config, 'cluster') ?? chain));
    }
  }
  return 'Non-HTTP/Non-TCP';
}

/** Well-known clusters (`PassthroughCluster` …) speak for themselves. */
function describeCluster(name: string): string {
  return name.includes('Cluster') ? name : `Cluster: ${name}`;
}

function describeInline(config: Json): string {
  const hosts = list(config.virtual_hosts);
  const only = hosts.length === 1 ? list(hosts[0]!.routes) : [];
  const cluster =
    only.length === 1 && at(only[0], 'match', 'prefix') === '/' ? at(only[0], 'route', 'cluster') : undefined;
  if (typeof cluster === 'string') return describeCluster(cluster);
  const texts = hosts.map((host) => {
    const domains = (host.domains as string[] | undefined) ?? [];
    const matches = list(host.routes)
      .map((route) => describeRouteMatch(route.match))
      .join(', ');
    return domains.join() === '*' ? matches : `${domains.join('/')} ${matches}`;
  });
  return `Inline Route: ${texts.join('; ')}`;
}

/** Path of a route match as istioctl shows it: `/api*` for a prefix. Headers are left out. */
export function describeRouteMatch(match: unknown): string {
  const prefix = at(match, 'prefix') ?? at(match, 'path_separated_prefix');
  if (prefix !== undefined) return `${String(prefix)}*`;
  const path = at(match, 'path');
  if (path !== undefined) return String(path);
  const regex = at(match, 'safe_regex', 'regex');
  return regex === undefined ? '/*' : `regex ${String(regex)}`;
}

function isFilter(filter: Json, kind: string): boolean {
  const type = String(at(filter, 'typed_config', '@type') ?? '');
  return String(filter.name).endsWith(kind) || type.includes(`.${kind}.`);
}
