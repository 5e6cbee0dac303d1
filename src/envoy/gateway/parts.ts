// Listeners of gateway proxies as a part of LDS.
import { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.js';
import type { Family, Graph } from '../../graph/graph.ts';
import type { Mesh } from '../../ingest/mesh.ts';
import type { RouteRules } from '../../model/route.ts';
import { type GatewayListener, gatewayListeners } from '../../view/gateway.ts';
import { defineGatewayScope, gatewayScopeById } from '../../view/gateway-scope.ts';
import { type Encoded, encode, type Part, type ScopedName, sameEncoded, scopedNameId } from '../resource.ts';
import type { SecurityFilters } from '../security/filters.ts';
import type { Loggers, Reporter } from '../telemetry/loggers.ts';
import { gatewayListener, gatewayListenerName } from './listener.ts';

export interface GatewayPartsOptions {
  readonly graph: Graph;
  readonly mesh: Mesh;
  readonly loggers: Family<Reporter, Loggers>;
  readonly security: SecurityFilters;
}

export interface GatewayFamilies {
  /** Class id → gateway scope, '' for sidecars. */
  readonly scope: Family<string, string>;
  /** Gateway scope → what it listens on. */
  readonly listeners: Family<string, readonly GatewayListener[]>;
  /** VirtualServices bound to a Gateway (`namespace/name`). */
  readonly boundRules: Family<string, readonly RouteRules[]>;
}

export function defineGatewayViews(graph: Graph, mesh: Mesh): GatewayFamilies {
  return {
    scope: defineGatewayScope(graph),
    listeners: graph.derived('gatewayListeners', (id: string, read): readonly GatewayListener[] => {
      if (id === '') return [];
      const { namespace, cluster, labels, unprivileged } = gatewayScopeById(id);
      return gatewayListeners({
        gateways: read(mesh.gatewayNames, '').flatMap((name) => read(mesh.gateway, name) ?? []),
        services: read(mesh.servicesIn, namespace).flatMap((service) => read(mesh.service, service) ?? []),
        labels,
        cluster,
        unprivileged,
      }).listeners;
    }),
    boundRules: graph.derived('gatewayRules', (gateway: string, read): readonly RouteRules[] =>
      read(mesh.rulesOn, gateway).flatMap((key) => read(mesh.rules, key) ?? []),
    ),
  };
}

export function gatewayListenerPart(options: GatewayPartsOptions, views: GatewayFamilies): Part {
  const { graph, mesh, loggers, security } = options;
  const get = graph.derived(
    'gatewayListener',
    ({ scope: id, name }: ScopedName, read): Encoded | undefined => {
      const found = read(views.listeners, id).find((one) => gatewayListenerName(one) === name);
      if (!found) return undefined;
      const { namespace, labels, sdsDir } = gatewayScopeById(id);
      const target = { namespace, labels };
      const logs = read(loggers, 'source');
      const gateways = [...new Set(found.servers.map(({ gateway }) => gateway))];
      const init = gatewayListener(found, {
        // HTTP servers find their rules in the route table; reading them here would rebuild the listener for each.
        rules: found.kind === 'http' ? [] : gateways.flatMap((gateway) => read(views.boundRules, gateway)),
        clusterOf: ({ host, port, subset }, listenerPort) => {
          const service = read(mesh.locate, `${namespace}|${host}`);
          const ports = service === undefined ? [] : (read(mesh.service, service)?.ports ?? []);
          const chosen = port || (ports.length === 1 ? ports[0]!.port : listenerPort);
          return `outbound|${chosen}|${subset}|${host}`;
        },
        trustDomains: read(security.trustDomains, ''),
        sdsDir,
        trustedHops: read(mesh.meshConfig, '').defaultConfig?.gatewayTopology?.numTrustedProxies ?? 0,
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
    name: 'gateway',
    scope: views.scope,
    list: graph.derived('gatewayListenerNames', (id: string, read) =>
      read(views.listeners, id)
        .map(gatewayListenerName)
        .filter((name) => read(get, { scope: id, name }) !== undefined)
        .sort(),
    ),
    get,
  };
}
