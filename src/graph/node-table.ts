// The cells of one family by key. Most keys are a scope and a name within it: these are kept in two levels, because putting
// a long scope and a name together into one string at every lookup costs more than the lookup, and keeping such strings
// costs more than the cells.
import type { Node } from './node.ts';

/** A key as text, or as two texts. */
export type KeyId = string | readonly [string, string];

export class NodeTable {
  readonly #flat = new Map<string, Node>();
  readonly #nested = new Map<string, Map<string, Node>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: KeyId): Node | undefined {
    if (typeof id === 'string') return this.#flat.get(id);
    return this.#nested.get(id[0])?.get(id[1]);
  }

  /** Adds a cell under a key that has none. */
  add(id: KeyId, node: Node): void {
    this.#size++;
    if (typeof id === 'string') {
      this.#flat.set(id, node);
      return;
    }
    let inner = this.#nested.get(id[0]);
    if (!inner) {
      inner = new Map();
      this.#nested.set(id[0], inner);
    }
    inner.set(id[1], node);
  }

  delete(id: KeyId): void {
    this.#size--;
    if (typeof id === 'string') {
      this.#flat.delete(id);
      return;
    }
    const inner = this.#nested.get(id[0]);
    inner?.delete(id[1]);
    if (inner?.size === 0) this.#nested.delete(id[0]);
  }

  *values(): Iterable<Node> {
    yield* this.#flat.values();
    for (const inner of this.#nested.values()) yield* inner.values();
  }
}

/** One text for a key, for messages and comparison. */
export function keyText(id: KeyId): string {
  return typeof id === 'string' ? id : `${id[0]}\n${id[1]}`;
}
