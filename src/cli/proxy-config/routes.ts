// `proxy-config route`: virtual hosts and what matches what.
import { at, type Json, list } from './dump.ts';
import { describeRouteMatch } from './listeners.ts';
import { table } from './table.ts';

export interface RouteFilter {
  readonly name?: string;
}

export function filterRoutes(routes: readonly Json[], { name }: RouteFilter): Json[] {
  return routes
    .filter((route) => !name || route.name === name)
    .sort((a, b) => String(a.name ?? '').localeCompare(String(b.name ?? ''), 'en', { numeric: true }));
}

/** NAME, VHOST NAME, DOMAINS, MATCH, VIRTUAL SERVICE. `short` has NAME and the number of virtual hosts. */
export function routeTable(routes: readonly Json[], options: { readonly short?: boolean } = {}): string {
  if (options.short) {
    return table(
      ['NAME', 'VIRTUAL HOSTS'],
      routes.map((route) => [String(route.name ?? ''), String(list(route.virtual_hosts).length)]),
    );
  }
  const rows = routes.flatMap((config) =>
    list(config.virtual_hosts).flatMap((host) => {
      const domains = describeDomains((host.domains as string[] | undefined) ?? []);
      const entries = list(host.routes);
      const name = String(config.name ?? '');
      const vhost = String(host.name ?? '');
      if (!entries.length) return [[name, vhost, domains, '', '']];
      return entries.map((route) => [name, vhost, domains, describeRouteMatch(route.match), virtualServiceOf(route)]);
    }),
  );
  return table(['NAME', 'VHOST NAME', 'DOMAINS', 'MATCH', 'VIRTUAL SERVICE'], rows);
}

/** The shortest names say enough: every service has half a dozen spellings. */
function describeDomains(domains: readonly string[]): string {
  const plain = domains.filter((domain) => !domain.includes(':'));
  const shown = plain.length ? plain : domains;
  return shown.length <= 2 ? shown.join(', ') : `${shown[0]}, ${shown[1]} + ${shown.length - 2} more...`;
}

function virtualServiceOf(route: Json): string {
  const config = at(route, 'metadata', 'filter_metadata', 'istio', 'config');
  const [, namespace, name] = /\/namespaces\/([^/]+)\/virtual-service\/([^/]+)$/.exec(String(config ?? '')) ?? [];
  if (name) return `${name}.${namespace}`;
  return at(route, 'direct_response', 'status') === 404 ? '404' : '';
}
