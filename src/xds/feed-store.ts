// Resources by name with a log of what changed when: the memory of a feed.

import type { Encoded } from '../envoy/resource.ts';
import { type Frame, frame } from './wire.ts';

/** Names of removed resources that are remembered; a client that missed more has to start anew. */
const TOMBSTONES = 20_000;

const NOTHING: ReadonlySet<string> = new Set();

/** Resources of one type. Revisions given to it must not decrease. */
export class FeedStore {
  readonly typeUrl: string;
  /** The revision of the last change. */
  revision = 0;
  readonly #frames = new Map<string, Frame>();
  readonly #lastChange = new Map<string, number>();
  /** The log: names and, at the same positions, revisions in ascending order. */
  #names: string[] = [];
  #revisions: number[] = [];
  /** Changes up to this revision may have been forgotten. */
  #floor = 0;
  readonly #answers = new Map<number, ReadonlySet<string>>();
  readonly #pool: FramePool;

  constructor(typeUrl: string, pool: FramePool = new FramePool(typeUrl)) {
    this.typeUrl = typeUrl;
    this.#pool = pool;
  }

  names(): Iterable<string> {
    return this.#frames.keys();
  }
  get size(): number {
    return this.#frames.size;
  }
  get(name: string): Frame | undefined {
    return this.#frames.get(name);
  }

  /** Puts a resource, or removes it. False when nothing changed. */
  set(name: string, resource: Encoded | undefined, revision: number): boolean {
    const old = this.#frames.get(name);
    if (resource === undefined ? old === undefined : old?.version === resource.version) return false;
    if (resource) this.#frames.set(name, this.#pool.frame(resource));
    else this.#frames.delete(name);
    this.revision = revision;
    if (this.#answers.size > 0) this.#answers.clear();
    if (this.#lastChange.get(name) === revision) return true;
    this.#lastChange.set(name, revision);
    this.#names.push(name);
    this.#revisions.push(revision);
    const removed = this.#lastChange.size - this.#frames.size;
    if (this.#names.length > 2 * this.#lastChange.size + 1024 || removed > 2 * TOMBSTONES) this.#compact();
    return true;
  }

  /** Names changed after `revision`; undefined when the log does not reach back so far. */
  changesSince(revision: number): ReadonlySet<string> | undefined {
    if (revision >= this.revision) return NOTHING;
    if (revision < this.#floor) return undefined;
    const known = this.#answers.get(revision);
    if (known) return known;
    const changes = new Set<string>();
    for (let i = firstAfter(this.#revisions, revision); i < this.#names.length; i++) changes.add(this.#names[i]!);
    this.#answers.set(revision, changes);
    return changes;
  }

  /** Forgets log entries that newer ones replaced, and the oldest removals when there are too many. */
  #compact(): void {
    const removed = this.#lastChange.size - this.#frames.size;
    let surplus = Math.max(0, removed - TOMBSTONES);
    const names: string[] = [];
    const revisions: number[] = [];
    for (let i = 0; i < this.#names.length; i++) {
      const name = this.#names[i]!;
      const revision = this.#revisions[i]!;
      if (this.#lastChange.get(name) !== revision) continue;
      if (surplus > 0 && !this.#frames.has(name)) {
        surplus--;
        this.#lastChange.delete(name);
        this.#floor = revision;
        continue;
      }
      names.push(name);
      revisions.push(revision);
    }
    this.#names = names;
    this.#revisions = revisions;
  }
}

/** Frames resources, giving equal ones of different scopes the same bytes. */
export class FramePool {
  readonly #typeUrl: string;
  readonly #frames = new Map<string, WeakRef<Frame>>();
  #pruneAt = 1024;

  constructor(typeUrl: string) {
    this.#typeUrl = typeUrl;
  }

  frame(resource: Encoded): Frame {
    const known = this.#frames.get(resource.name)?.deref();
    if (known?.version === resource.version) return known;
    const made = frame(this.#typeUrl, resource);
    this.#frames.set(resource.name, new WeakRef(made));
    if (this.#frames.size > this.#pruneAt) this.#prune();
    return made;
  }

  #prune(): void {
    for (const [name, ref] of this.#frames) if (ref.deref() === undefined) this.#frames.delete(name);
    this.#pruneAt = Math.max(1024, 2 * this.#frames.size);
  }
}

/** Position of the first number greater than `limit` in an ascending list. */
function firstAfter(numbers: readonly number[], limit: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
