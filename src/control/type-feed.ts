// What a class of proxies gets of one resource type: the feeds of its parts seen as one.
import { type Bodies, BodyCache } from '../xds/body.ts';
import type { NameSet } from '../xds/names.ts';
import type { Feed } from '../xds/source.ts';
import type { Frame } from '../xds/wire.ts';
import type { PartFeed } from './part-feed.ts';

/** Sets that nobody wants any more but that are kept for clients who come back soon. */
const KEPT_SETS = 4;

/** Where two parts have a resource of one name, the earlier part's is taken. */
export class TypeFeed implements Feed, Disposable {
  readonly typeUrl: string;
  readonly wildcard: boolean;
  readonly parts: readonly PartFeed[];
  readonly bodies: BodyCache;
  /** Of the part that changed last; kept up to date by the parts. */
  revision = 0;
  readonly #wants = new Map<NameSet, number>();
  /** Name → how many of the sets in use have it. */
  readonly #counts = new Map<string, number>();
  #kept: NameSet[] = [];
  #closed = false;
  readonly #answers = new Map<number, ReadonlySet<string>>();
  #answersFor = -1;

  constructor(typeUrl: string, wildcard: boolean, parts: readonly PartFeed[], bodies: Bodies) {
    this.typeUrl = typeUrl;
    this.wildcard = wildcard;
    this.parts = parts;
    this.bodies = new BodyCache(bodies);
    for (const part of parts) {
      part.users.add(this);
      this.revision = Math.max(this.revision, part.store.revision);
    }
  }

  /** Its parts need not tell it of changes any more, nor keep anything for it. */
  [Symbol.dispose](): void {
    this.#closed = true;
    for (const part of this.parts) part.users.delete(this);
    const wanted = [...this.#counts.keys()];
    this.#counts.clear();
    for (const part of this.parts) part.release(wanted);
  }

  *names(): Iterable<string> {
    for (const [i, part] of this.parts.entries()) {
      for (const name of part.store.names()) if (!this.#hidden(name, i)) yield name;
    }
  }

  get(name: string): Frame | undefined {
    for (const { store } of this.parts) {
      const frame = store.get(name);
      if (frame) return frame;
    }
    return undefined;
  }

  changesSince(revision: number): ReadonlySet<string> | undefined {
    if (this.parts.length === 1) return this.parts[0]!.store.changesSince(revision);
    if (this.#answersFor !== this.revision) {
      this.#answers.clear();
      this.#answersFor = this.revision;
    }
    const known = this.#answers.get(revision);
    if (known) return known;
    const changes = new Set<string>();
    for (const [i, { store }] of this.parts.entries()) {
      const own = store.changesSince(revision);
      if (!own) return undefined;
      for (const name of own) if (!this.#hidden(name, i)) changes.add(name);
    }
    this.#answers.set(revision, changes);
    return changes;
  }

  want(names: NameSet): Disposable {
    const count = this.#wants.get(names) ?? 0;
    this.#wants.set(names, count + 1);
    if (count === 0 && !this.#unkeep(names)) this.#count(names);
    let open = true;
    return {
      [Symbol.dispose]: () => {
        if (open) this.#release(names);
        open = false;
      },
    };
  }

  #release(names: NameSet): void {
    const count = this.#wants.get(names) ?? 0;
    if (this.#closed) return;
    if (count > 1) {
      this.#wants.set(names, count - 1);
      return;
    }
    this.#wants.delete(names);
    this.#kept.push(names);
    const oldest = this.#kept.length > KEPT_SETS ? this.#kept.shift() : undefined;
    if (oldest) this.#discount(oldest);
  }

  #count(names: NameSet): void {
    const counts = this.#counts;
    const fresh: string[] = [];
    for (const name of names.values()) {
      const count = counts.get(name) ?? 0;
      counts.set(name, count + 1);
      if (count === 0) fresh.push(name);
    }
    if (fresh.length > 0) for (const part of this.parts) part.want(fresh);
  }

  #discount(names: NameSet): void {
    const counts = this.#counts;
    const gone: string[] = [];
    for (const name of names.values()) {
      const count = counts.get(name)!;
      if (count > 1) counts.set(name, count - 1);
      else counts.delete(name);
      if (count === 1) gone.push(name);
    }
    if (gone.length > 0) for (const part of this.parts) part.release(gone);
  }

  #unkeep(names: NameSet): boolean {
    const kept = this.#kept.length;
    this.#kept = this.#kept.filter((other) => other !== names);
    return this.#kept.length < kept;
  }

  #hidden(name: string, part: number): boolean {
    for (let i = 0; i < part; i++) if (this.parts[i]!.store.get(name)) return true;
    return false;
  }
}
