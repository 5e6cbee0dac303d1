// What the control plane wants a connected proxy to have, in the form of Envoy's own dump: `/debug/config_dump?proxyID=`
// as JSON, and over xDS as the packed sections that a stock istioctl compares with those of Envoy.
import {
  create,
  createRegistry,
  type DescMessage,
  fromBinary,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import { asJson, envoyRegistry } from '../envoy/readable.ts';
import { type Encoded, type ResourceType, TYPE_URL } from '../envoy/resource.ts';
import { ConfigDumpSchema, file_envoy_admin_v3_config_dump } from '../gen/envoy/admin/v3/config_dump_pb.js';
import {
  ClustersConfigDumpSchema,
  EcdsConfigDumpSchema,
  EndpointsConfigDumpSchema,
  file_envoy_admin_v3_config_dump_shared,
  ListenersConfigDumpSchema,
  RoutesConfigDumpSchema,
} from '../gen/envoy/admin/v3/config_dump_shared_pb.js';
import { type Cluster, Cluster_DiscoveryType, ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.js';
import { VirtualHostSchema } from '../gen/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js';
import type { Mesh } from '../ingest/mesh.ts';
import type { Classes } from '../view/class.ts';
import type { ConnectionStatus } from '../xds/connection.ts';
import type { HttpAnswer } from './http-server.ts';
import { json } from './json-answer.ts';
import { proxyName } from './node.ts';
import { proxiesOf } from './proxy-pages.ts';

export interface ConfigDumpOptions {
  readonly mesh: Mesh;
  readonly types: readonly ResourceType[];
  readonly classes: Classes;
  readonly connections: readonly ConnectionStatus[];
  /** `pod.namespace`, or a whole node id. */
  readonly proxy: string;
}

/** The sections of the dump; an error says which proxy to name or that there is none of this name. */
export type ConfigSections =
  | { readonly sections: readonly Any[] }
  | { readonly error: string; readonly status: number };

/** The dump as a page. */
export async function configDump(options: ConfigDumpOptions): Promise<HttpAnswer> {
  const result = await configSections(options);
  if ('error' in result) return { status: result.status, body: `${result.error}\n` };
  const admin = [file_envoy_admin_v3_config_dump, file_envoy_admin_v3_config_dump_shared];
  const registry = createRegistry(await envoyRegistry(), ...admin);
  const dump = create(ConfigDumpSchema, { configs: [...result.sections] });
  return json(toJson(ConfigDumpSchema, dump, { registry }));
}

/** The dump's sections, packed. */
export async function configSections(options: ConfigDumpOptions): Promise<ConfigSections> {
  const { mesh, types, classes, connections, proxy } = options;
  if (!proxy) return { status: 400, error: 'say which proxy: config_dump?proxyID=<pod>.<namespace>' };
  const found = proxiesOf(connections).find(({ client }) => proxyName(client) === proxy || client.id === proxy);
  if (!found) return { status: 404, error: `no proxy "${proxy}" is connected to this control plane` };
  const { graph } = mesh;
  const classId = classes.classify(found.client);
  const read = (typeUrl: string, wanted?: readonly string[]): Encoded[] => {
    const resources = new Map<string, Encoded>();
    for (const part of types.find((type) => type.typeUrl === typeUrl)?.parts ?? []) {
      const scope = graph.read(part.scope, classId);
      const names = wanted ?? (part.list ? graph.read(part.list, scope) : []);
      for (const name of names) {
        const resource = resources.has(name) ? undefined : graph.read(part.get, { scope, name });
        if (resource) resources.set(name, resource);
      }
    }
    return [...resources.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  };

  const registry = await envoyRegistry();
  const clusters = read(TYPE_URL.cluster);
  const listeners = read(TYPE_URL.listener);
  const shown = listeners.map((listener) => asJson(registry, TYPE_URL.listener, listener));
  const routes = withVirtualHosts(read(TYPE_URL.route, strings(shown, 'routeConfigName')), read(TYPE_URL.virtualHost));
  const endpoints = read(TYPE_URL.endpoints, endpointNames(clusters));
  const extensions = read(TYPE_URL.extension, discovered(shown));
  const section = <D extends DescMessage>(schema: D, init: Parameters<typeof create<D>>[1]): Any =>
    anyPack(schema, create(schema, init));
  return {
    sections: [
      section(ClustersConfigDumpSchema, {
        dynamicActiveClusters: clusters.map((one) => ({ cluster: packed(TYPE_URL.cluster, one) })),
      }),
      section(ListenersConfigDumpSchema, {
        dynamicListeners: listeners.map((one) => ({
          name: one.name,
          activeState: { listener: packed(TYPE_URL.listener, one) },
        })),
      }),
      section(RoutesConfigDumpSchema, {
        dynamicRouteConfigs: routes.map((one) => ({ routeConfig: packed(TYPE_URL.route, one) })),
      }),
      section(EndpointsConfigDumpSchema, {
        dynamicEndpointConfigs: endpoints.map((one) => ({ endpointConfig: packed(TYPE_URL.endpoints, one) })),
      }),
      section(EcdsConfigDumpSchema, {
        ecdsFilters: extensions.map((one) => ({ ecdsFilter: packed(TYPE_URL.extension, one) })),
      }),
    ],
  };
}

const packed = (typeUrl: string, { body }: Pick<Encoded, 'body'>) => ({
  typeUrl,
  value: body as Uint8Array<ArrayBuffer>,
});

/** Virtual hosts that were asked for one by one stand in their route tables, as in Envoy's dump. */
function withVirtualHosts(routes: readonly Encoded[], hosts: readonly Encoded[]): Pick<Encoded, 'body'>[] {
  return routes.map((route) => {
    const table = fromBinary(RouteConfigurationSchema, route.body);
    const own = hosts.filter(({ name }) => name.startsWith(`${table.name}/`));
    if (!table.vhds || own.length === 0) return route;
    table.virtualHosts.push(...own.map(({ body }) => fromBinary(VirtualHostSchema, body)));
    return { body: toBinary(RouteConfigurationSchema, table) };
  });
}

/** Endpoint sets that clusters of type EDS ask for. */
function endpointNames(clusters: readonly Encoded[]): string[] {
  return clusters
    .map(({ body }): Cluster => fromBinary(ClusterSchema, body))
    .filter(({ clusterDiscoveryType: { value } }) => value === Cluster_DiscoveryType.EDS)
    .map(({ edsClusterConfig, name }) => edsClusterConfig?.serviceName || name);
}

/** Values of one field wherever it stands. */
function strings(value: JsonValue, field: string): string[] {
  const found = new Set<string>();
  visit(value, (object) => {
    if (typeof object[field] === 'string') found.add(object[field]);
  });
  return [...found];
}

/** Names of filters whose configuration is served apart from their listener. */
function discovered(listeners: JsonValue): string[] {
  const found = new Set<string>();
  visit(listeners, ({ name, configDiscovery }) => {
    if (configDiscovery && typeof name === 'string') found.add(name);
  });
  return [...found];
}

function visit(value: JsonValue, see: (object: Readonly<Record<string, JsonValue>>) => void): void {
  if (Array.isArray(value)) for (const item of value) visit(item, see);
  else if (typeof value === 'object' && value !== null) {
    see(value);
    for (const item of Object.values(value)) visit(item, see);
  }
}
