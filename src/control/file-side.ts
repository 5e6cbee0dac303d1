// The side that faces files: a directory of objects in an API server's place, and a MeshConfig of its own.
import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { followFiles } from '../k8s/file-source.ts';
import type { KubernetesObject, ObjectName } from '../kinds/object.ts';
import { createConfigMaps } from './config-maps.ts';
import type { Logs } from './log.ts';
import type { Middle } from './middle.ts';
import { type ControlOptions, UsageError } from './options.ts';

/** Files stand in for the API server: the same objects, the same ways. Rejects with UsageError when they cannot be read. */
export async function openFiles(
  { options, logs }: { options: ControlOptions; logs: Logs },
  middle: Middle,
): Promise<Disposable> {
  const { queue, problems, mesh } = middle;
  const cluster = options.clusterId;
  mesh.setCluster(cluster, { network: '', synced: true });
  const configMaps = createConfigMaps({
    namespace: options.namespace,
    revision: options.revision,
    onMesh: (text) => {
      if (!options.meshConfig) middle.onMesh(text);
    },
    onInjector: (config) => middle.injector.setConfigMap(config),
  });
  const apply = (object: KubernetesObject): void => {
    if (object.kind === 'ConfigMap' && configMaps.apply(object)) return;
    queue.apply(cluster, object);
  };
  const remove = (name: ObjectName): void => {
    if (name.kind === 'ConfigMap' && configMaps.remove(name.namespace, name.name)) return;
    queue.remove(cluster, name);
  };
  const source = await followFiles({
    directory: options.configDir,
    sink: { apply, remove },
    onProblems: (found) => problems.set(options.configDir, found),
  }).catch((error: unknown) => {
    throw new UsageError(`--config-dir: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  });
  logs.scope('files').info(`following ${options.configDir}`);
  return source;
}

/** Reads `--meshConfig` and follows it. Rejects with UsageError when it cannot be read at the start. */
export async function followMeshConfig(path: string, middle: Middle): Promise<Disposable> {
  const read = async (): Promise<void> => middle.onMesh(await readFile(path, 'utf8'));
  await read().catch((error: unknown) => {
    throw new UsageError(`--meshConfig: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  });
  const changed = (): void => {
    // Between two versions the file may be gone for a moment; what it said stays in force.
    read().catch(() => {});
  };
  watchFile(path, { interval: 2000, persistent: false }, changed);
  return { [Symbol.dispose]: () => unwatchFile(path, changed) };
}
