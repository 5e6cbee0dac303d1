// The control plane under test, fed from a directory of files, and how to know that an edit has reached every proxy.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFeeds } from '../../src/control/feeds.ts';
import { proxyOfNode } from '../../src/control/node.ts';
import { defineResources } from '../../src/envoy/resources.ts';
import { Graph } from '../../src/graph/graph.ts';
import { createMesh } from '../../src/ingest/mesh.ts';
import { followFiles } from '../../src/k8s/file-source.ts';
import type { KubernetesObject } from '../../src/kinds/object.ts';
import { defineClasses } from '../../src/view/class.ts';
import type { ConnectionStatus } from '../../src/xds/connection.ts';
import { createXdsService, startXdsServer } from '../../src/xds/grpc.ts';
import { CLUSTER, CONTROL_ADDRESS, PODS } from './pods.ts';

export interface ApplyOptions {
  readonly meshConfig?: object;
  /** Objects may have problems; otherwise they reject. */
  readonly faulty?: boolean;
}

export interface Control extends AsyncDisposable {
  readonly port: number;
  /** Replaces all objects and waits until every proxy has acknowledged what follows from them. Rejects on a refusal. */
  apply(objects: readonly KubernetesObject[], options?: ApplyOptions): Promise<void>;
}

const TIMEOUT_MS = 10_000;
const PROXIES = PODS.filter(({ proxy }) => proxy).length;

/** `audit` recomputes everything from scratch after each change and compares. */
export async function startControl(directory: string, { audit }: { audit: boolean }): Promise<Control> {
  const files = join(directory, 'objects');
  await mkdir(files, { recursive: true });
  const scope = new AsyncDisposableStack();
  const graph = new Graph({ audit });
  const mesh = createMesh(graph, { configCluster: CLUSTER });
  mesh.setCluster(CLUSTER, { network: '', synced: true });
  const feeds = scope.use(
    createFeeds({ graph, types: defineResources(graph, mesh), classes: defineClasses(graph, mesh) }),
  );
  const service = scope.use(
    createXdsService({
      source: feeds,
      bodies: feeds.bodies,
      authenticate: async (_, node) => proxyOfNode({ node, mesh, configCluster: CLUSTER }),
    }),
  );
  const server = await startXdsServer({ service, address: `${CONTROL_ADDRESS}:0` });
  scope.defer(() => server.stop(0));
  const problems: string[] = [];
  const source = scope.use(
    await followFiles({
      directory: files,
      settleMs: 10_000,
      batch: (changes) => graph.batch(changes),
      onProblems: (found) => problems.splice(0, problems.length, ...found.map(({ message }) => message)),
      sink: {
        apply: (object) => mesh.apply(CLUSTER, object),
        remove: (name) => mesh.remove(CLUSTER, name),
      },
    }),
  );
  return {
    port: server.port,
    async apply(objects, { meshConfig = {}, faulty = false } = {}) {
      const draft = join(directory, 'objects.next');
      await writeFile(draft, objects.map((object) => JSON.stringify(object)).join('\n---\n'));
      await rename(draft, join(files, 'objects.yaml'));
      problems.push(...mesh.setMeshConfig(meshConfig).map(({ message }) => message));
      await source.refresh();
      const wrong = [
        ...problems,
        ...[...mesh.inputs.problems.entries()].flatMap(([, list]) => list.map(({ message }) => message)),
      ];
      if (wrong.length > 0 && !faulty) throw new Error(`the objects have problems: ${wrong.join('; ')}`);
      await acknowledged(() => service.connections());
    },
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  };
}

async function acknowledged(connections: () => readonly ConnectionStatus[]): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (let first = true; ; first = false) {
    const now = connections();
    // Before the proxies are started nobody has to acknowledge anything.
    if (first && now.length === 0) return;
    const waiting: string[] = [];
    const refusals: string[] = [];
    for (const { client, types } of now) {
      for (const { synced, typeUrl, sent, nacked } of types) {
        const type = typeUrl.split('.').at(-1);
        if (nacked && nacked.nonce === sent?.nonce)
          refusals.push(`${client.instance} refuses ${type}: ${nacked.error.message}`);
        else if (!synced) waiting.push(`${client.instance}: ${type}`);
      }
    }
    if (waiting.length === 0 && now.length === PROXIES) {
      if (refusals.length > 0) throw new Error(refusals.join('; '));
      return;
    }
    if (Date.now() > deadline)
      throw new Error(`not acknowledged by ${waiting.join(', ') || `${now.length} of ${PROXIES}`}`);
    await sleep(3);
  }
}
