// Subscription sets, shared: clients of one class subscribe to the same thousands of names, so each distinct set exists
// once, is recognised by its bytes before any name is decoded, and its edits are remembered.
import { hash } from 'node:crypto';
import type { RawNames } from './wire.ts';

/** An immutable set of resource names; equal sets are the same object while anybody holds them. */
export interface NameSet {
  /** Unique among sets of the process. */
  readonly id: number;
  readonly size: number;
  has(name: string): boolean;
  values(): Iterable<string>;
}

const EDITS_REMEMBERED = 64;

class SharedSet implements NameSet {
  readonly id: number;
  readonly names: ReadonlySet<string>;
  /** Edit → resulting set, so that a thousand connections that make one edit copy once. */
  readonly edits = new Map<string, WeakRef<SharedSet>>();

  constructor(id: number, names: ReadonlySet<string>) {
    this.id = id;
    this.names = names;
  }
  get size(): number {
    return this.names.size;
  }
  has(name: string): boolean {
    return this.names.has(name);
  }
  values(): Iterable<string> {
    return this.names;
  }
}

/** Gives each distinct set of names once. Sets that nobody holds any more are forgotten. */
export class NamePool {
  readonly empty: NameSet;
  readonly #byContent = new Map<string, WeakRef<SharedSet>>();
  readonly #byBytes = new Map<string, WeakRef<SharedSet>>();
  readonly #forget: FinalizationRegistry<{ map: Map<string, WeakRef<SharedSet>>; key: string }>;
  #ids = 0;

  constructor() {
    this.#forget = new FinalizationRegistry(({ map, key }) => {
      if (map.get(key)?.deref() === undefined) map.delete(key);
    });
    this.empty = new SharedSet(this.#ids++, new Set());
  }

  /** How many distinct sets are known; for tests and metrics. */
  get size(): number {
    return this.#byContent.size;
  }

  /** The set of these names. */
  of(names: Iterable<string>): NameSet {
    const unique = new Set(names);
    if (unique.size === 0) return this.empty;
    const key = hash('sha1', [...unique].sort().join('\n'), 'base64');
    const known = this.#byContent.get(key)?.deref();
    if (known) return known;
    const set = new SharedSet(this.#ids++, unique);
    this.#remember(this.#byContent, key, set);
    return set;
  }

  /** The set of names in a request, without decoding them when the same bytes were seen before. */
  read(raw: RawNames): NameSet {
    if (raw.count === 0) return this.empty;
    if (!raw.bytes || raw.count < 16) return this.of(raw.decode());
    const key = hash('sha1', raw.bytes, 'base64');
    const known = this.#byBytes.get(key)?.deref();
    if (known) return known;
    const set = this.of(raw.decode()) as SharedSet;
    this.#remember(this.#byBytes, key, set);
    return set;
  }

  /** `set` with some names added and others taken away (added wins). */
  edit(set: NameSet, add: readonly string[], remove: readonly string[]): NameSet {
    const from = set as SharedSet;
    const adding = add.filter((name) => !from.has(name));
    const removing = remove.filter((name) => from.has(name) && !add.includes(name));
    if (adding.length === 0 && removing.length === 0) return from;
    const key = `+${adding.join('\n')}\n-${removing.join('\n')}`;
    const known = from.edits.get(key)?.deref();
    if (known) return known;
    const names = new Set(from.names);
    for (const name of removing) names.delete(name);
    for (const name of adding) names.add(name);
    const edited = this.of(names) as SharedSet;
    if (from.edits.size >= EDITS_REMEMBERED) from.edits.clear();
    from.edits.set(key, new WeakRef(edited));
    return edited;
  }

  #remember(map: Map<string, WeakRef<SharedSet>>, key: string, set: SharedSet): void {
    map.set(key, new WeakRef(set));
    this.#forget.register(set, { map, key });
  }
}
