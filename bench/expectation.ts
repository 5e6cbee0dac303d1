// Which change has reached which proxy: every change leaves a mark in the bytes that proxies get, and a proxy that has got a
// newer mark of the same object has the older change too.
import type { Envoy } from './envoy.ts';
import type { TypeName } from './skim.ts';

/** Bytes to look for in responses of some type. */
export interface Mark {
  readonly types: readonly TypeName[];
  /** Text beginning with one of `TAGS`, or bytes in hexadecimal. */
  readonly text?: string;
  readonly hex?: string;
}

export interface Change {
  readonly id: number;
  /** Changes of one object follow each other; a later one stands for the earlier ones. */
  readonly object: string;
  readonly marks: readonly Mark[];
}

/** Marks with these beginnings are found in one pass over a message, however many are awaited. */
export const TAGS = ['10.250.', 'bench-'] as const;
const TAG_BYTES = TAGS.map((tag) => Buffer.from(tag));

interface Open {
  readonly change: Change;
  readonly marks: readonly { readonly types: readonly TypeName[]; readonly bytes: Buffer | undefined }[];
  /** Proxy → bits of the marks that it has not got yet. */
  readonly left: Map<Envoy, number>;
  /** Receipts in milliseconds of the shared clock. */
  readonly times: number[];
}

export interface Outcome {
  readonly id: number;
  readonly times: readonly number[];
  /** Proxies that did not get it. */
  readonly missing: number;
}

export class Expectations {
  readonly #open = new Map<number, Open>();
  readonly #done = new Map<number, Outcome>();
  readonly #tagged = new Map<string, { open: Open; bit: number }>();
  #untagged: { open: Open; bit: number; bytes: Buffer; types: readonly TypeName[] }[] = [];
  #waiters: { ids: Set<number>; resolve: () => void }[] = [];

  add(change: Change, envoys: Iterable<Envoy>): void {
    const marks = change.marks.map(({ types, hex }) => ({ types, bytes: hex ? Buffer.from(hex, 'hex') : undefined }));
    const open: Open = { change, marks, left: new Map(), times: [] };
    const all = (1 << change.marks.length) - 1;
    for (const envoy of envoys) open.left.set(envoy, all);
    this.#open.set(change.id, open);
    for (const [i, { text, types, hex }] of change.marks.entries()) {
      if (text) this.#tagged.set(text, { open, bit: 1 << i });
      else if (hex) this.#untagged.push({ open, bit: 1 << i, bytes: marks[i]!.bytes!, types });
    }
    if (open.left.size === 0) this.#close(open);
  }

  /** A proxy has got a message at `now`. */
  look(envoy: Envoy, type: TypeName, message: Buffer, now: number): void {
    if (this.#open.size === 0) return;
    if (this.#tagged.size > 0) {
      for (const tag of TAG_BYTES) {
        for (let at = message.indexOf(tag); at >= 0; at = message.indexOf(tag, at + 1)) {
          const found = this.#tagged.get(wordAt(message, at));
          if (found) this.#got(found.open, found.bit, envoy, type, now);
        }
      }
    }
    for (const { open, bit, bytes, types } of this.#untagged) {
      const left = open.left.get(envoy);
      if (left === undefined || (left & bit) === 0 || !types.includes(type)) continue;
      if (message.indexOf(bytes) >= 0) this.#got(open, bit, envoy, type, now);
    }
  }

  /** Resolves when all of these have arrived everywhere, or when time is up. */
  async wait(ids: readonly number[], timeoutMs: number): Promise<Outcome[]> {
    const pending = new Set(ids.filter((id) => this.#open.has(id)));
    if (pending.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.push({ ids: pending, resolve });
      const timer = setTimeout(resolve, timeoutMs);
      await promise;
      clearTimeout(timer);
    }
    return ids.map((id) => {
      const open = this.#open.get(id);
      if (open) this.#close(open);
      const outcome = this.#done.get(id) ?? { id, times: [], missing: 0 };
      this.#done.delete(id);
      return outcome;
    });
  }

  #got(open: Open, bit: number, envoy: Envoy, type: TypeName, now: number): void {
    const left = open.left.get(envoy);
    if (left === undefined || (left & bit) === 0) return;
    const index = Math.log2(bit);
    if (!open.marks[index]!.types.includes(type)) return;
    if (left !== bit) {
      open.left.set(envoy, left & ~bit);
      return;
    }
    // Older changes of the object are in what has just come.
    for (const other of this.#open.values()) {
      if (other.change.object !== open.change.object || other.change.id > open.change.id) continue;
      if (!other.left.delete(envoy)) continue;
      other.times.push(now);
      if (other.left.size === 0) this.#close(other);
    }
  }

  #close(open: Open): void {
    const { id, marks } = open.change;
    this.#open.delete(id);
    for (const { text } of marks) if (text) this.#tagged.delete(text);
    this.#untagged = this.#untagged.filter((one) => one.open !== open);
    this.#done.set(id, { id, times: open.times, missing: open.left.size });
    for (const waiter of this.#waiters) {
      if (waiter.ids.delete(id) && waiter.ids.size === 0) waiter.resolve();
    }
    this.#waiters = this.#waiters.filter(({ ids }) => ids.size > 0);
  }
}

/** Letters, digits, dots and hyphens from here on. */
function wordAt(message: Buffer, at: number): string {
  let end = at;
  while (end < message.length && isWord(message[end]!)) end++;
  return message.toString('latin1', at, end);
}

function isWord(byte: number): boolean {
  return (byte >= 48 && byte <= 57) || (byte >= 97 && byte <= 122) || byte === 45 || byte === 46;
}
