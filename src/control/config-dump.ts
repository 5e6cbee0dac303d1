// `/debug/config_dump?proxyID=`: what the control plane wants a connected proxy to have, in the form of Envoy's own dump.
import type { JsonValue } from '@bufbuild/protobuf';
import { asJson, envoyRegistry } from '../envoy/readable.ts';
import { type Encoded, type ResourceType, TYPE_URL } from '../envoy/resource.ts';
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

/** The dump, or an answer that says which proxies there are. */
export async function configDump(options: ConfigDumpOptions): Promise<HttpAnswer> {
  const { mesh, types, classes, connections, proxy } = options;
  if (!proxy) return { status: 400, body: 'say which proxy: config_dump?proxyID=<pod>.<namespace>\n' };
  const found = proxiesOf(connections).find(({ client }) => proxyName(client) === proxy || client.id === proxy);
  if (!found) return { status: 404, body: `no proxy "${proxy}" is connected to this control plane\n` };
  const registry = await envoyRegistry();
  const { graph } = mesh;
  const classId = classes.classify(found.client);
  const typeOf = (typeUrl: string): ResourceType | undefined => types.find((type) => type.typeUrl === typeUrl);
  const read = (typeUrl: string, wanted?: readonly string[]): JsonValue[] => {
    const resources = new Map<string, Encoded>();
    for (const part of typeOf(typeUrl)?.parts ?? []) {
      const scope = graph.read(part.scope, classId);
      const names = wanted ?? (part.list ? graph.read(part.list, scope) : []);
      for (const name of names) {
        const resource = resources.has(name) ? undefined : graph.read(part.get, { scope, name });
        if (resource) resources.set(name, resource);
      }
    }
    return [...resources.values()].map((resource) => typed(typeUrl, asJson(registry, typeUrl, resource)));
  };
  const clusters = read(TYPE_URL.cluster);
  const listeners = read(TYPE_URL.listener);
  const routes = read(TYPE_URL.route, [...strings(listeners, 'routeConfigName')]);
  const section = (name: string, content: object): object => ({
    '@type': `type.googleapis.com/envoy.admin.v3.${name}`,
    ...content,
  });
  return json({
    configs: [
      section('ClustersConfigDump', { dynamicActiveClusters: clusters.map((cluster) => ({ cluster })) }),
      section('ListenersConfigDump', {
        dynamicListeners: listeners.map((listener) => ({ activeState: { listener } })),
      }),
      section('RoutesConfigDump', { dynamicRouteConfigs: routes.map((routeConfig) => ({ routeConfig })) }),
      section('VirtualHostsConfigDump', { virtualHosts: read(TYPE_URL.virtualHost) }),
      section('EndpointsConfigDump', {
        dynamicEndpointConfigs: read(TYPE_URL.endpoints, endpointNames(clusters)).map((endpointConfig) => ({
          endpointConfig,
        })),
      }),
    ],
  });
}

function typed(typeUrl: string, value: JsonValue): JsonValue {
  return { '@type': typeUrl, ...(value as Record<string, JsonValue>) };
}

/** Endpoint sets that clusters of type EDS ask for. */
function endpointNames(clusters: readonly JsonValue[]): string[] {
  return clusters.flatMap((cluster) => {
    const { type, name, edsClusterConfig } = cluster as {
      type?: string;
      name?: string;
      edsClusterConfig?: { serviceName?: string };
    };
    return type === 'EDS' ? [edsClusterConfig?.serviceName || name || ''] : [];
  });
}

/** Values of one field wherever it stands. */
function strings(value: JsonValue, field: string, found = new Set<string>()): Set<string> {
  if (Array.isArray(value)) for (const item of value) strings(item, field, found);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if (key === field && typeof item === 'string') found.add(item);
      else if (item !== undefined) strings(item, field, found);
    }
  }
  return found;
}
