// Follows a directory of YAML files as if it were an API server: what is added, changed and removed, file by file.
import { type FSWatcher, watch } from 'node:fs';
import type { Problem } from '../model/problem.ts';
import { type KubernetesObject, localKey } from './object.ts';
import type { ReflectorSink } from './reflector.ts';
import { listYamlFiles, readYamlFile } from './yaml-files.ts';

export interface FileSourceOptions {
  readonly directory: string;
  readonly sink: ReflectorSink;
  /** Called after every reading: all problems of all files as they are now. */
  readonly onProblems?: (problems: readonly Problem[]) => void;
  /** Called around the changes of one reading, so that they take effect together. */
  readonly batch?: (changes: () => void) => void;
  /** Editors write in several steps; a reading waits until the directory is quiet this long. */
  readonly settleMs?: number;
}

export interface FileSource extends Disposable {
  /** Reads everything again now. Rejects when the directory cannot be read. */
  refresh(): Promise<void>;
}

type Objects = ReadonlyMap<string, { readonly object: KubernetesObject; readonly text: string }>;

/** Reads the directory once (rejects when that is impossible), then follows it until disposed of. */
export async function followFiles(options: FileSourceOptions): Promise<FileSource> {
  const { directory, sink, settleMs = 50, batch = (changes) => changes() } = options;
  /** What each file last contributed. A file that cannot be understood keeps contributing what it did. */
  let good = new Map<string, Objects>();
  let current: Objects = new Map();
  let timer: NodeJS.Timeout | undefined;
  let queue = Promise.resolve();
  let closed = false;

  async function read(): Promise<void> {
    const next = new Map<string, Objects>();
    const problems: Problem[] = [];
    for (const path of await listYamlFiles(directory)) {
      const content = await readYamlFile(path).catch((error: unknown) => unreadable(path, error));
      problems.push(...content.problems);
      const before = good.get(path);
      if (content.problems.length && before) next.set(path, before);
      else next.set(path, keyed(content.objects));
    }
    if (closed) return;
    good = next;
    const merged = new Map<string, { object: KubernetesObject; text: string; path: string }>();
    for (const [path, objects] of next) {
      for (const [key, value] of objects) {
        const first = merged.get(key);
        if (first) problems.push(duplicate(key, path, first.path));
        else merged.set(key, { ...value, path });
      }
    }
    batch(() => change(current, merged, sink));
    current = merged;
    options.onProblems?.(problems);
  }

  const refresh = (): Promise<void> => {
    const result = queue.then(read);
    queue = result.catch(() => {});
    return result;
  };
  const failed = (error: unknown): void => {
    const message = `${directory}: ${error instanceof Error ? error.message : String(error)}`;
    options.onProblems?.([{ code: 'unreadable', severity: 'error', path: '', message }]);
  };
  await refresh();
  const watcher: FSWatcher = watch(directory, { recursive: true }, () => {
    clearTimeout(timer);
    timer = setTimeout(() => void refresh().catch(failed), settleMs);
  });
  watcher.on('error', failed);
  // What changed between the first reading and the start of watching.
  await refresh();
  return {
    refresh,
    [Symbol.dispose]() {
      closed = true;
      clearTimeout(timer);
      watcher.close();
    },
  };
}

function keyed(objects: readonly KubernetesObject[]): Objects {
  return new Map(
    objects.map((object) => [
      `${object.apiVersion} ${object.kind} ${localKey(object)}`,
      { object, text: JSON.stringify(object) },
    ]),
  );
}

function change(before: Objects, after: Objects, sink: ReflectorSink): void {
  for (const [key, { object }] of before) {
    if (after.has(key)) continue;
    const { apiVersion, kind, metadata } = object;
    sink.remove({ apiVersion, kind: kind!, namespace: metadata?.namespace ?? '', name: metadata!.name! });
  }
  for (const [key, { object, text }] of after) if (before.get(key)?.text !== text) sink.apply(object);
}

function unreadable(path: string, error: unknown): { objects: []; problems: Problem[] } {
  const message = `${path}: ${error instanceof Error ? error.message : String(error)}`;
  return { objects: [], problems: [{ code: 'unreadable', severity: 'error', path: '', message }] };
}

function duplicate(key: string, path: string, first: string): Problem {
  const message = `${path}: ${key} is already defined in ${first}, which is used.`;
  return { code: 'duplicate-object', severity: 'warning', path: '', message };
}
