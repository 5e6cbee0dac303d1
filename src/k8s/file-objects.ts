// What a set of files says, kept up to date file by file: which objects there are, and which file speaks for each.
import type { Problem } from '../model/problem.ts';
import { type KubernetesObject, localKey } from './object.ts';
import type { ReflectorSink } from './reflector.ts';
import type { FileContent } from './yaml-files.ts';

interface Held {
  readonly object: KubernetesObject;
  readonly text: string;
}

type Objects = ReadonlyMap<string, Held>;

/** Where one object is written in several files, the first by name is used. */
export class FileObjects {
  readonly #sink: ReflectorSink;
  readonly #files = new Map<string, Objects>();
  /** Object → files that have it, sorted. */
  readonly #holders = new Map<string, readonly string[]>();
  readonly #contested = new Set<string>();
  readonly #problems = new Map<string, readonly Problem[]>();

  constructor(sink: ReflectorSink) {
    this.#sink = sink;
  }

  /** Files that are known, sorted. */
  paths(): string[] {
    return [...new Set([...this.#files.keys(), ...this.#problems.keys()])].sort();
  }

  /** All problems of all files as they are now. */
  problems(): Problem[] {
    const found = [...this.#problems].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, problems]) => problems);
    for (const key of [...this.#contested].sort()) {
      const [first, ...others] = this.#holders.get(key)!;
      for (const path of others) found.push(duplicate(key, path, first!));
    }
    return found;
  }

  /**
   * Takes what files say now (undefined: the file has gone) and tells the sink what differs: removals first. A file with
   * problems goes on saying what it said when it was last understood.
   */
  update(contents: ReadonlyMap<string, FileContent | undefined>): void {
    const before = new Map<string, Held | undefined>();
    for (const [path, content] of contents) {
      const old = this.#files.get(path);
      if (content && content.problems.length > 0) this.#problems.set(path, content.problems);
      else this.#problems.delete(path);
      if (content && content.problems.length > 0 && old) continue;
      const next = content && keyed(content.objects);
      for (const objects of [old, next]) {
        for (const key of objects?.keys() ?? []) if (!before.has(key)) before.set(key, this.#spoken(key));
      }
      for (const key of old?.keys() ?? []) if (!next?.has(key)) this.#hold(key, path, false);
      if (next) this.#files.set(path, next);
      else this.#files.delete(path);
      for (const key of next?.keys() ?? []) if (!old?.has(key)) this.#hold(key, path, true);
    }
    const after = [...before.keys()].map((key) => ({ was: before.get(key), now: this.#spoken(key) }));
    for (const { was, now } of after) {
      if (!was || now) continue;
      const { apiVersion, kind, metadata } = was.object;
      this.#sink.remove({ apiVersion, kind: kind!, namespace: metadata?.namespace ?? '', name: metadata!.name! });
    }
    for (const { was, now } of after) if (now && was?.text !== now.text) this.#sink.apply(now.object);
  }

  #spoken(key: string): Held | undefined {
    const first = this.#holders.get(key)?.[0];
    return first === undefined ? undefined : this.#files.get(first)?.get(key);
  }

  #hold(key: string, path: string, holds: boolean): void {
    const others = (this.#holders.get(key) ?? []).filter((other) => other !== path);
    const holders = holds ? [...others, path].sort() : others;
    if (holders.length > 0) this.#holders.set(key, holders);
    else this.#holders.delete(key);
    if (holders.length > 1) this.#contested.add(key);
    else this.#contested.delete(key);
  }
}

function keyed(objects: readonly KubernetesObject[]): Objects {
  return new Map(
    objects.map((object) => [
      `${object.apiVersion} ${object.kind} ${localKey(object)}`,
      { object, text: JSON.stringify(object) },
    ]),
  );
}

function duplicate(key: string, path: string, first: string): Problem {
  const message = `${path}: ${key} is already defined in ${first}, which is used.`;
  return { code: 'duplicate-object', severity: 'warning', path: '', message };
}
