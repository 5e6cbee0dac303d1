// Outbound route tables and, for clients that take them one by one, their virtual hosts.
import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { VirtualHostSchema } from '../../gen/envoy/config/route/v3/route_components_pb.js';
import {
  RouteConfigurationSchema,
  type RouteConfigurationSchema as Schema,
} from '../../gen/envoy/config/route/v3/route_pb.js';
import type { Read } from '../../graph/graph.ts';
import { isHttp } from '../../ingest/protocol.ts';
import { outboundCluster } from '../../view/names.ts';
import { parseScope, scopeText } from '../../view/outbound-scope.ts';
import { idOf } from '../../view/outbound-services.ts';
import { defineVirtualHosts, domainsOf, fullNameOf, isAtHome, isBare } from '../../view/virtual-hosts.ts';
import type { Init } from '../any.ts';
import { type Encoded, encode, encoded, type Part, type ScopedName, sameEncoded, scopedNameId } from '../resource.ts';
import { httpRoutes } from '../routes/http-routes.ts';
import { defineHashOn, routeContext } from '../routes/route-context.ts';
import { adsSource } from '../sds.ts';
import type { OutboundContext } from './context.ts';
import { catchAll, defaultRoute, virtualHost } from './virtual-host.ts';

/** Field number of `virtual_hosts` in RouteConfiguration. */
const VIRTUAL_HOSTS_FIELD = 2;

interface HostKey {
  /** Routes scope: short names hold for its `home`, if it has one. */
  readonly scope: string;
  readonly port: number;
  readonly host: string;
  /** The only host of its table: the connection has told the service apart already. */
  readonly alone?: boolean;
}

export interface OutboundRouteParts {
  readonly routes: Part;
  readonly virtualHosts: readonly Part[];
}

export function outboundRouteParts(context: OutboundContext): OutboundRouteParts {
  const { graph, mesh, scopes, services } = context;
  const hashOn = defineHashOn(graph, mesh, services);
  const tables = defineVirtualHosts(graph, mesh, services);

  const hostResource = graph.derived(
    'virtualHost',
    ({ scope, port, host, alone }: HostKey, read): Encoded | undefined => {
      const { base = '', cluster = '', home = '' } = parseScope(scope);
      const caller = parseScope(base);
      const service = read(services.lookup, { scope: base, host });
      const [rules] = read(mesh.rulesFor, { gateway: 'mesh', host, namespace: caller.namespace ?? '' });
      const routing = routeContext({ read, mesh, services, hashOn, scope: base, gateway: 'mesh', port });
      const target = { host, subset: '', port };
      const defaultRetry = read(mesh.defaultRetry, '');
      const routes =
        rules && rules.http.length > 0
          ? httpRoutes(rules, routing)
          : service
            ? [
                defaultRoute(outboundCluster(target), {
                  hashOn: routing.hashOn(target),
                  defaultRetry,
                  outside: routing.outside(target),
                }),
              ]
            : [];
      if (routes.length === 0 && !service) return undefined;
      if (!alone && service?.source.kind !== 'Service' && shadowed(read, { base, home, host, port })) return undefined;
      const name = `${host}:${port}`;
      const addresses =
        service && !alone ? read(services.addresses, { scope: base, cluster, service: idOf(service) }) : [];
      const domains = alone ? ['*'] : service ? domainsOf(service, { addresses, home, domain: mesh.domain }) : [host];
      return encode(name, VirtualHostSchema, virtualHost({ name, domains, routes, defaultRetry }));
    },
    { id: ({ scope, port, host, alone }) => `${scope}\n${port}|${host}${alone ? '|alone' : ''}`, equal: sameEncoded },
  );

  /**
   * Whether a host is a short name of a service in the same table: Envoy refuses a table in which two hosts have one name, and
   * the service keeps its own.
   */
  const shadowed = (read: Read, at: { base: string; home: string; host: string; port: number }): boolean => {
    const full = fullNameOf(at.host, at.home, mesh.domain);
    const service = full ? read(services.lookup, { scope: at.base, host: full }) : undefined;
    return (service?.ports ?? []).some((p) => p.port === at.port && (isHttp(p.protocol) || p.protocol === 'auto'));
  };

  /** The host as this scope has it: its own for services of the home namespace, else the one shared by all. */
  const hostFor = (read: Read, scope: string, port: number, host: string): Encoded | undefined => {
    const { home, ...shared } = parseScope(scope);
    const own = home !== undefined && isAtHome(host, home, mesh.domain);
    return read(hostResource, { scope: own ? scope : scopeText(shared), port, host });
  };

  const routes = graph.derived(
    'outboundRoutes',
    ({ scope, name }: ScopedName, read): Encoded | undefined => {
      const { base = '', vhds } = parseScope(scope);
      if (parseScope(base).router) return undefined;
      const colon = name.lastIndexOf(':');
      const port = Number(name.slice(colon + 1));
      if (!Number.isInteger(port) || port <= 0) return undefined;
      if (colon >= 0) {
        const host = name.slice(0, colon);
        const found = read(hostResource, { scope: withoutHome(scope), port, host, alone: true });
        return found && table(name, [found], {});
      }
      const fallback = encode('*', VirtualHostSchema, catchAll(read(services.allowAny, base)));
      if (vhds) return table(name, [fallback], { vhds: { configSource: adsSource } });
      const hosts = read(tables.hosts, { scope: base, port }).flatMap((host) => hostFor(read, scope, port, host) ?? []);
      return table(name, [...hosts, fallback], {});
    },
    { id: scopedNameId, equal: sameEncoded },
  );

  const oneHost = graph.derived(
    'virtualHostResource',
    ({ scope, name }: ScopedName, read): Encoded | undefined => {
      const { home } = parseScope(scope);
      const parsed = parseHostName(name);
      if (!parsed) return undefined;
      // The part at home answers for hosts that have short names there, the shared one for all whose names mean the same anywhere.
      if (home === undefined ? isBare(parsed.host) : !isAtHome(parsed.host, home, mesh.domain)) return undefined;
      const found = read(hostResource, { scope, ...parsed });
      return found && { ...found, name };
    },
    { id: scopedNameId, equal: sameEncoded },
  );

  const listOf = (name: string, of: (read: Read, base: string, home: string) => readonly string[]) =>
    graph.derived(name, (scope: string, read): readonly string[] => {
      const { base = '', home = '', vhds } = parseScope(scope);
      return vhds && !parseScope(base).router ? of(read, base, home) : [];
    });

  return {
    routes: { name: 'outbound routes', scope: scopes.routes, get: routes },
    virtualHosts: [
      {
        name: 'virtual hosts at home',
        scope: scopes.routes,
        list: listOf('homeVirtualHosts', (read, scope, namespace) => read(tables.namesAtHome, { scope, namespace })),
        get: oneHost,
      },
      {
        name: 'virtual hosts',
        scope: scopes.sharedRoutes,
        list: listOf('sharedVirtualHosts', (read, scope) => read(tables.names, scope)),
        get: oneHost,
      },
    ],
  };
}

function parseHostName(name: string): { port: number; host: string } | undefined {
  const slash = name.indexOf('/');
  const colon = name.lastIndexOf(':');
  const port = Number(name.slice(0, slash));
  if (slash <= 0 || colon <= slash || !Number.isInteger(port)) return undefined;
  return { port, host: name.slice(slash + 1, colon) };
}

function withoutHome(scope: string): string {
  const { home: _, ...rest } = parseScope(scope);
  return scopeText(rest);
}

/** A route table around virtual hosts that are encoded already. */
function table(name: string, hosts: readonly Encoded[], more: Init<typeof Schema>): Encoded {
  const head = toBinary(
    RouteConfigurationSchema,
    create(RouteConfigurationSchema, {
      name,
      validateClusters: false,
      maxDirectResponseBodySizeBytes: 1048576,
      ignorePortInHostMatching: true,
      ...more,
    }),
  );
  const writer = new BinaryWriter();
  writer.raw(head);
  for (const { body } of hosts) writer.tag(VIRTUAL_HOSTS_FIELD, WireType.LengthDelimited).bytes(body);
  return encoded(name, writer.finish());
}
