// A mesh with all its resources, and what a set of proxies would be served: for tests that compare two ways to one state.
import { Graph } from '../../graph/graph.ts';
import { createMesh, type Mesh } from '../../ingest/mesh.ts';
import { SDS_DIR } from '../../lib/paths.ts';
import type { Proxy as ConnectedProxy } from '../../model/proxy.ts';
import { type Classes, defineClasses } from '../../view/class.ts';
import type { ResourceType } from '../resource.ts';
import { defineResources } from '../resources.ts';

export interface World {
  readonly graph: Graph;
  readonly mesh: Mesh;
  readonly classes: Classes;
  readonly types: readonly ResourceType[];
}

export function createWorld(options: { audit: boolean }): World {
  const graph = new Graph(options);
  const mesh = createMesh(graph, { configCluster: 'cluster1' });
  const classes = defineClasses(graph, mesh);
  return { graph, mesh, classes, types: defineResources(graph, mesh) };
}

/** A proxy for tests; the namespace decides its names. */
export function testProxy(given: Partial<ConnectedProxy> & { namespace: string }): ConnectedProxy {
  const { namespace } = given;
  const type = given.type ?? 'sidecar';
  return {
    id: `${type}~10.1.0.99~client.${namespace}~${namespace}.svc.cluster.local`,
    type,
    addresses: ['10.1.0.99'],
    instance: 'client',
    cluster: 'cluster1',
    network: 'network1',
    serviceAccount: 'default',
    labels: { app: 'client' },
    locality: { region: '', zone: '', subzone: '' },
    node: '',
    domain: `${namespace}.svc.cluster.local`,
    version: '1.40.0',
    istioVersion: '1.28.0',
    metadata: { ISTHMUS_SDS_DIR: SDS_DIR },
    ...given,
  };
}

/**
 * Name → content hash of all that a proxy is listed, and of the named resources it may ask for besides. Reading it keeps
 * nothing alive.
 */
export function served(world: World, proxy: ConnectedProxy, names: readonly string[]): Record<string, string> {
  const { graph, classes, types } = world;
  const id = classes.classify(proxy);
  const result: Record<string, string> = {};
  for (const type of types) {
    for (const part of type.parts) {
      const scope = graph.read(part.scope, id);
      for (const name of part.list ? graph.read(part.list, scope) : names) {
        const key = `${type.typeUrl.slice(type.typeUrl.lastIndexOf('.') + 1)} ${name}`;
        const resource = result[key] === undefined ? graph.read(part.get, { scope, name }) : undefined;
        if (resource) result[key] = resource.version;
      }
    }
  }
  return result;
}

/** Keeps all of that up to date, as connected proxies would; dispose it to let go. */
export function subscribe(world: World, proxy: ConnectedProxy, names: readonly string[]): Disposable {
  const { graph, classes, types } = world;
  const watches: Disposable[] = [];
  const id = classes.classify(proxy);
  for (const type of types) {
    for (const part of type.parts) {
      watches.push(graph.observe(part.scope, id, () => {}));
      const scope = graph.read(part.scope, id);
      if (part.list) watches.push(graph.observe(part.list, scope, () => {}));
      for (const name of part.list ? graph.read(part.list, scope) : names) {
        watches.push(graph.observe(part.get, { scope, name }, () => {}));
      }
    }
  }
  return {
    [Symbol.dispose]() {
      for (const watch of watches) watch[Symbol.dispose]();
    },
  };
}
