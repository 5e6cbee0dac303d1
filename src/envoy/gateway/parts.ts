// Resources of gateway proxies: their listeners, route tables, and only those clusters that something leads to.
import { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '../../gen/envoy/config/route/v3/route_pb.js';
import type { HttpConnectionManager_ForwardClientCertDetails as ForwardClientCert } from '../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { Family, Graph, Read } from '../../graph/graph.ts';
import type { Mesh } from '../../ingest/mesh.ts';
import type { RouteRules } from '../../model/route.ts';
import type { GatewayListener } from '../../view/gateway.ts';
import { gatewayHosts, serversOfTable } from '../../view/gateway-routes.ts';
import { scopeText } from '../../view/outbound-scope.ts';
import type { OutboundContext } from '../outbound/context.ts';
import { type Encoded, encode, type Part, type ScopedName, sameEncoded, scopedNameId } from '../resource.ts';
import { secretPart } from '../secrets.ts';
import type { SecurityFilters } from '../security/filters.ts';
import type { Loggers, Reporter } from '../telemetry/loggers.ts';
import { gatewayDestinations } from './destinations.ts';
import { gatewayListener, gatewayListenerName } from './listener.ts';
import { gatewayTable } from './routes.ts';
import { sniParts } from './sni-clusters.ts';
import { defineGatewayViews, type GatewayViews, gatewayScopes } from './views.ts';

export interface GatewayPartsOptions {
  readonly graph: Graph;
  readonly mesh: Mesh;
  readonly loggers: Family<Reporter, Loggers>;
  readonly security: SecurityFilters;
  readonly outbound: OutboundContext;
  /** Make the clusters and endpoint sets themselves. */
  readonly outboundClusters: Part;
  readonly outboundEndpoints: readonly Part[];
}

export interface GatewayParts {
  readonly listeners: Part;
  readonly routes: Part;
  readonly clusters: readonly Part[];
  readonly endpoints: Part;
  readonly secrets: Part;
}

export function gatewayParts(options: GatewayPartsOptions): GatewayParts {
  const views = defineGatewayViews(options.graph, options.mesh, options.outbound);
  const sni = sniParts(options, views);
  return {
    listeners: listenerPart(options, views),
    routes: routePart(options, views),
    clusters: [clusterPart(options, views), sni.clusters],
    endpoints: sni.endpoints,
    secrets: secretPart(options.graph, options.mesh, views),
  };
}

function listenerPart({ graph, mesh, loggers, security }: GatewayPartsOptions, views: GatewayViews): Part {
  const get = graph.derived(
    'gatewayListener',
    ({ scope, name }: ScopedName, read): Encoded | undefined => {
      const found = read(views.listeners, scope).find((one) => gatewayListenerName(one) === name);
      if (!found) return undefined;
      const { namespace, labels, sdsDir } = gatewayScopes(scope);
      const target = { namespace, labels };
      const logs = read(loggers, 'source');
      const topology = read(mesh.meshConfig, '').defaultConfig?.gatewayTopology;
      const init = gatewayListener(found, {
        // HTTP servers find their rules in the route table; reading them here would rebuild the listener for each.
        rules: found.kind === 'http' ? [] : rulesOf(read, views, scope, found),
        clusterOf: (destination, port) => views.context(read, scope, '', port).clusterOf(destination),
        trustDomains: read(security.trustDomains, ''),
        sdsDir,
        trustedHops: topology?.numTrustedProxies ?? 0,
        forwardClientCert: forwardClientCert(topology?.forwardClientCertDetails),
        httpAccessLog: logs.http,
        tcpAccessLog: logs.tcp,
        listenerAccessLog: logs.listener,
        httpFilters: read(security.http, target),
        tcpFilters: read(security.tcp, target),
      });
      return init && encode(name, ListenerSchema, init);
    },
    { id: scopedNameId, equal: sameEncoded },
  );
  return {
    name: 'gateway listeners',
    scope: views.scope,
    list: graph.derived('gatewayListenerNames', (scope: string, read) =>
      read(views.listeners, scope)
        .map(gatewayListenerName)
        .filter((name) => read(get, { scope, name }) !== undefined)
        .sort(),
    ),
    get,
  };
}

/** The API's enumeration is Envoy's with "undefined" put in front. */
const forwardClientCert = (setting: number | undefined) => (setting ? ((setting - 1) as ForwardClientCert) : undefined);

function routePart({ graph }: GatewayPartsOptions, views: GatewayViews): Part {
  return {
    name: 'gateway routes',
    scope: views.scope,
    get: graph.derived(
      'gatewayRoutes',
      ({ scope, name }: ScopedName, read): Encoded | undefined => {
        if (scope === '') return undefined;
        const servers = serversOfTable(read(views.listeners, scope), name);
        if (servers.length === 0) return undefined;
        const hosts = gatewayHosts(servers, (gateway) => views.rulesOn(read, scope, gateway));
        const context = (gateway: string, port: number) => views.context(read, scope, gateway, port);
        return encode(name, RouteConfigurationSchema, gatewayTable({ name, hosts, context }));
      },
      { id: scopedNameId, equal: sameEncoded },
    ),
  };
}

/** Clusters that routes and forwards of the gateway lead to. Everything else the mesh has would only cost memory there. */
function clusterPart({ graph, outboundClusters }: GatewayPartsOptions, views: GatewayViews): Part {
  const led = graph.derived('gatewayClusterNames', (scope: string, read): readonly string[] => {
    if (scope === '') return [];
    const names = new Set<string>();
    for (const listener of read(views.listeners, scope)) {
      const rules = rulesOf(read, views, scope, listener);
      for (const { destination, port } of gatewayDestinations(listener, rules)) {
        names.add(views.context(read, scope, '', port).clusterOf(destination));
      }
    }
    return [...names].sort();
  });
  return {
    name: 'gateway clusters',
    scope: views.scope,
    list: led,
    get: graph.derived(
      'gatewayCluster',
      ({ scope, name }: ScopedName, read): Encoded | undefined => {
        if (scope === '') return undefined;
        return read(outboundClusters.get, { scope: scopeText({ base: gatewayScopes(scope).outbound }), name });
      },
      { id: scopedNameId, equal: sameEncoded },
    ),
  };
}

function rulesOf(read: Read, views: GatewayViews, scope: string, listener: GatewayListener): RouteRules[] {
  const gateways = [...new Set(listener.servers.map(({ gateway }) => gateway))];
  const rules = gateways.flatMap((gateway) => views.rulesOn(read, scope, gateway));
  return [...new Set(rules)];
}
