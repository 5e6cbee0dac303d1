// The three kinds of families: inputs (written from outside), indexes over inputs, and derived values.
import { deepEqual } from '../lib/equal.ts';
import type { Read } from './graph.ts';
import type { Node } from './node.ts';
import { type KeyId, NodeTable } from './node-table.ts';

/** Where a family lives: how it says that a cell of its own was written, and who may write now. */
export interface Host {
  wrote(node: Node): void;
  /** Throws when a computation runs: those must not write. */
  mayWrite(family: string): void;
  /** Flushes unless inside a batch. */
  settle(): void;
}

export type AnyFamily = InputFamily | IndexFamily | DerivedFamily;

abstract class BaseFamily {
  readonly name: string;
  readonly nodes = new NodeTable();
  /** How many computations ran. */
  computes = 0;

  constructor(name: string) {
    this.name = name;
  }
  id(key: unknown): KeyId {
    return key as string;
  }
}

/** Keyed cells written from outside. Values live in a plain map; a cell becomes a node only while something reads it. */
export class InputFamily extends BaseFamily {
  readonly kind = 'input';
  readonly values = new Map<string, unknown>();
  readonly indexes: IndexFamily[] = [];
  readonly equal: (a: unknown, b: unknown) => boolean;
  readonly #host: Host;

  constructor(host: Host, name: string, equal: ((a: unknown, b: unknown) => boolean) | undefined) {
    super(name);
    this.#host = host;
    this.equal = equal ?? deepEqual;
  }

  /** Writes a cell; an equal value changes nothing. `undefined` deletes. */
  set(key: string, value: unknown): void {
    this.#host.mayWrite(this.name);
    const old = this.values.get(key);
    if (value === undefined ? old === undefined : old !== undefined && this.equal(old, value)) return;
    const moves = this.indexes.map((index) => index.move(key, old, value));
    if (value === undefined) this.values.delete(key);
    else this.values.set(key, value);
    for (const [i, move] of moves.entries()) this.indexes[i]!.apply(key, move, this.#host);
    const node = this.nodes.get(key);
    if (node) this.#host.wrote(node);
    this.#host.settle();
  }
  delete(key: string): void {
    this.set(key, undefined);
  }
  get(key: string): unknown {
    return this.values.get(key);
  }
  get size(): number {
    return this.values.size;
  }
  entries(): Iterable<[string, unknown]> {
    return this.values.entries();
  }

  current(id: string): unknown {
    return this.values.get(id);
  }
  unchanged(old: unknown, next: unknown): boolean {
    return old === next || (old !== undefined && next !== undefined && this.equal(old, next));
  }
}

interface Bucket {
  keys: readonly string[];
  /** Keys that came (true) or went (false) since `keys` was sorted. */
  readonly pending: Map<string, boolean>;
}

interface Move {
  readonly left: readonly string[];
  readonly entered: readonly string[];
}

const NO_KEYS: readonly string[] = [];

/** Term → sorted keys of the input whose value has that term, kept up to date write by write. */
export class IndexFamily extends BaseFamily {
  readonly kind = 'index';
  readonly input: InputFamily;
  readonly terms: (value: unknown, key: string) => Iterable<string>;
  readonly #buckets = new Map<string, Bucket>();

  constructor(input: InputFamily, name: string, terms: (value: unknown, key: string) => Iterable<string>) {
    super(name);
    this.input = input;
    this.terms = terms;
    for (const [key, value] of input.values) {
      for (const term of new Set(terms(value, key))) this.#bucket(term).pending.set(key, true);
    }
  }

  /** What a write would change; throws before anything is changed when `terms` throws. */
  move(key: string, old: unknown, next: unknown): Move {
    const before = old === undefined ? NO_KEYS : [...new Set(this.terms(old, key))];
    const after = next === undefined ? NO_KEYS : [...new Set(this.terms(next, key))];
    return {
      left: before.filter((term) => !after.includes(term)),
      entered: after.filter((term) => !before.includes(term)),
    };
  }

  apply(key: string, { left, entered }: Move, host: Host): void {
    for (const term of left) this.#note(term, key, false, host);
    for (const term of entered) this.#note(term, key, true, host);
  }

  current(term: string): readonly string[] {
    const bucket = this.#buckets.get(term);
    if (!bucket) return NO_KEYS;
    if (bucket.pending.size > 0) {
      bucket.keys = merge(bucket.keys, bucket.pending);
      bucket.pending.clear();
    }
    if (bucket.keys.length === 0) this.#buckets.delete(term);
    return bucket.keys;
  }
  unchanged(old: unknown, next: unknown): boolean {
    return old === next || deepEqual(old, next);
  }
  /** Terms that some key has. */
  allTerms(): string[] {
    return [...this.#buckets.keys()].filter((term) => this.current(term).length > 0).sort();
  }

  #note(term: string, key: string, present: boolean, host: Host): void {
    const { pending } = this.#bucket(term);
    if (pending.get(key) === !present) pending.delete(key);
    else pending.set(key, present);
    const node = this.nodes.get(term);
    if (node) host.wrote(node);
  }

  #bucket(term: string): Bucket {
    let bucket = this.#buckets.get(term);
    if (!bucket) {
      bucket = { keys: NO_KEYS, pending: new Map() };
      this.#buckets.set(term, bucket);
    }
    return bucket;
  }
}

/** One pass over the old keys with the sorted news: a new array, so that readers keep what they were given. */
function merge(keys: readonly string[], pending: ReadonlyMap<string, boolean>): readonly string[] {
  const added: string[] = [];
  for (const [key, present] of pending) if (present) added.push(key);
  added.sort();
  const merged: string[] = [];
  let next = 0;
  for (const key of keys) {
    while (next < added.length && added[next]! < key) merged.push(added[next++]!);
    if (pending.get(key) !== false) merged.push(key);
  }
  while (next < added.length) merged.push(added[next++]!);
  return merged;
}

/** Pure functions of a key and of what they read. */
export class DerivedFamily extends BaseFamily {
  readonly kind = 'derived';
  readonly compute: (key: unknown, read: Read) => unknown;
  readonly equal: (a: unknown, b: unknown) => boolean;
  readonly #id: ((key: unknown) => KeyId) | undefined;

  constructor(
    name: string,
    compute: (key: unknown, read: Read) => unknown,
    id: ((key: unknown) => KeyId) | undefined,
    equal: ((a: unknown, b: unknown) => boolean) | undefined,
  ) {
    super(name);
    this.compute = compute;
    this.#id = id;
    this.equal = equal ?? deepEqual;
  }

  override id(key: unknown): KeyId {
    if (this.#id) return this.#id(key);
    if (typeof key !== 'string') throw new TypeError(`${this.name}: a key that is not a string needs options.id`);
    return key;
  }
}
