// What a set of files says, kept up to date file by file: which objects there are, and which file speaks for each. Objects
// are handed on and not kept: the mesh keeps what it reads of them.
import { hash } from 'node:crypto';
import type { ObjectName } from '../kinds/object.ts';
import type { Problem } from '../model/problem.ts';
import { type KubernetesObject, localKey } from './object.ts';
import type { ReflectorSink } from './reflector.ts';
import type { FileContent } from './yaml-files.ts';

/** Where one object is written in several files, the first by name is used. */
export class FileObjects {
  readonly #sink: ReflectorSink;
  /** File → object → hash of its text. */
  readonly #files = new Map<string, ReadonlyMap<string, string>>();
  /** Object → files that have it, sorted. */
  readonly #holders = new Map<string, readonly string[]>();
  /** What the sink has been told. */
  readonly #told = new Map<string, { readonly hash: string; readonly name: ObjectName }>();
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
   * problems goes on saying what it said when it was last understood. Gives the files that speak for an object from now on
   * and have to be read again for that.
   */
  update(contents: ReadonlyMap<string, FileContent | undefined>): string[] {
    const touched = new Set<string>();
    const objects = new Map<string, ReadonlyMap<string, KubernetesObject>>();
    for (const [path, content] of contents) {
      const old = this.#files.get(path);
      if (content && content.problems.length > 0) this.#problems.set(path, content.problems);
      else this.#problems.delete(path);
      if (content && content.problems.length > 0 && old) continue;
      const said = new Map(content?.objects.map((object) => [keyOf(object), object]));
      objects.set(path, said);
      for (const key of said.keys()) touched.add(key);
      for (const key of old?.keys() ?? []) {
        touched.add(key);
        if (!said.has(key)) this.#hold(key, path, false);
      }
      for (const key of said.keys()) if (!old?.has(key)) this.#hold(key, path, true);
      if (content) this.#files.set(path, new Map([...said].map(([key, object]) => [key, hashOf(object)])));
      else this.#files.delete(path);
    }
    for (const key of touched) {
      const told = this.#told.get(key);
      if (!told || this.#holders.has(key)) continue;
      this.#told.delete(key);
      this.#sink.remove(told.name);
    }
    const again = new Set<string>();
    for (const key of touched) {
      const path = this.#holders.get(key)?.[0];
      if (path === undefined) continue;
      const said = this.#files.get(path)!.get(key)!;
      if (this.#told.get(key)?.hash === said) continue;
      const object = objects.get(path)?.get(key);
      if (!object) {
        again.add(path);
        continue;
      }
      this.#told.set(key, { hash: said, name: nameOf(object) });
      this.#sink.apply(object);
    }
    return [...again];
  }

  #hold(key: string, path: string, holds: boolean): void {
    const others = (this.#holders.get(key) ?? []).filter((other) => other !== path);
    // Nearly always one file: a list literal of one takes an eighth of the memory of one that grew.
    const holders = !holds ? others : others.length === 0 ? [path] : [...others, path].sort();
    if (holders.length > 0) this.#holders.set(key, holders);
    else this.#holders.delete(key);
    if (holders.length > 1) this.#contested.add(key);
    else this.#contested.delete(key);
  }
}

const keyOf = (object: KubernetesObject): string => `${object.apiVersion} ${object.kind} ${localKey(object)}`;
const hashOf = (object: KubernetesObject): string => hash('sha1', JSON.stringify(object), 'base64');

function nameOf({ apiVersion, kind, metadata }: KubernetesObject): ObjectName {
  return { apiVersion, kind: kind!, namespace: metadata?.namespace ?? '', name: metadata!.name! };
}

function duplicate(key: string, path: string, first: string): Problem {
  const message = `${path}: ${key} is already defined in ${first}, which is used.`;
  return { code: 'duplicate-object', severity: 'warning', path: '', message };
}
