// Puts changes into the mesh and its problems into the book.
import type { Mesh } from '../ingest/mesh.ts';
import { objectKey } from '../kinds/object.ts';
import type { ChangeTarget } from './change-queue.ts';
import type { ProblemBook } from './problem-book.ts';

/** The mesh as a target of changes: what is wrong with an object is reported as soon as it is applied. */
export function meshTarget(mesh: Mesh, problems: ProblemBook): ChangeTarget {
  const report = (cluster: string, kind = '', namespace = '', name = ''): void => {
    const id = `${kind}/${objectKey(cluster, namespace, name)}`;
    problems.set(id, mesh.inputs.problems.get(id) ?? []);
  };
  return {
    apply(cluster, object) {
      mesh.apply(cluster, object);
      report(cluster, object.kind, object.metadata?.namespace, object.metadata?.name);
    },
    remove(cluster, name) {
      mesh.remove(cluster, name);
      report(cluster, name.kind, name.namespace, name.name);
    },
    removeCluster(cluster) {
      const gone = problems.all().filter(({ problem }) => problem.object?.cluster === cluster);
      mesh.removeCluster(cluster);
      for (const { source } of gone) problems.set(source, mesh.inputs.problems.get(source) ?? []);
    },
  };
}
