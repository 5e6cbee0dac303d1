// Between the sources and the servers: the mesh, the queue of changes into it, and what is wrong with them.
import { Graph } from '../graph/graph.ts';
import { createMesh, type Mesh } from '../ingest/mesh.ts';
import { type ChangeQueue, createChangeQueue } from './change-queue.ts';
import { createInjector, type Injector } from './injector.ts';
import type { Logs } from './log.ts';
import { meshTarget } from './mesh-target.ts';
import type { Metrics } from './metrics.ts';
import type { ControlOptions } from './options.ts';
import { createProblemBook, type ProblemBook } from './problem-book.ts';

export interface Middle {
  readonly mesh: Mesh;
  readonly queue: ChangeQueue;
  readonly problems: ProblemBook;
  readonly injector: Injector;
  /** Takes a MeshConfig as text. */
  readonly onMesh: (text: string | undefined) => void;
}

export interface MiddleOptions {
  readonly options: ControlOptions;
  readonly logs: Logs;
  readonly metrics: Metrics;
}

export function createMiddle({ options, logs, metrics }: MiddleOptions): Middle {
  const graph = new Graph();
  const mesh = createMesh(graph, { configCluster: options.clusterId, domain: options.domain });
  const problems = createProblemBook({ log: logs.scope('config'), metrics });
  const injector = createInjector({ revision: options.revision, problems });
  const queue = createChangeQueue({
    target: meshTarget(mesh, problems),
    batch: (writes) => graph.batch(writes),
    onError: (error, object) => logs.scope('config').error(`cannot take ${object}; it is left out`, { error }),
  });
  return {
    mesh,
    queue,
    problems,
    injector,
    onMesh(text) {
      problems.set('MeshConfig', mesh.setMeshConfig(text ?? ''));
      injector.setMesh(text);
    },
  };
}

/** The mesh's trust domain now. */
export function trustDomain(mesh: Mesh): string {
  return mesh.graph.read(mesh.trustDomain, '');
}
