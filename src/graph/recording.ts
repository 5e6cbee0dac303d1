// What one computation reads. Most read the same cells in the same order every time: the edges of these are kept.
import type { Cells, Node } from './node.ts';

const NO_READS: readonly Node[] = [];

export class Recording {
  readonly #node: Node;
  readonly #cells: Cells;
  /** Of this computation alone: a cell that it reads twice is noted once. */
  readonly #stamp: number;
  /** The edge of the last read that came as it did last time, and the edge of the one expected next. */
  #kept = 0;
  #expected: number;
  /** Reads since then. */
  #extra: Node[] | undefined;

  constructor(node: Node, cells: Cells, stamp: number) {
    this.#node = node;
    this.#cells = cells;
    this.#stamp = stamp;
    this.#expected = node.firstDep;
  }

  /** Name of the family that computes, for messages. */
  get name(): string {
    return this.#node.family.name;
  }

  note(dep: Node): void {
    if (dep.stamp === this.#stamp) return;
    dep.stamp = this.#stamp;
    const expected = this.#expected;
    if (this.#extra !== undefined) {
      this.#extra.push(dep);
    } else if (expected !== 0 && this.#cells.dep(expected) === dep) {
      this.#kept = expected;
      this.#expected = this.#cells.nextDep(expected);
    } else {
      this.#extra = [dep];
    }
  }

  /**
   * Makes the cell's edges those of this computation; `orphaned` hears of what loses its last reader. Gives the least height
   * at which the cell stands above everything that it reads.
   */
  relink(orphaned: (dep: Node) => void): number {
    const cells = this.#cells;
    const node = this.#node;
    let last = this.#kept;
    if (this.#expected !== 0) cells.unlinkAfter(node, last, orphaned);
    // What is kept is lower already.
    let height = Math.max(1, node.height);
    for (const dep of this.#extra ?? NO_READS) {
      last = cells.link(node, dep, last);
      if (dep.height >= height) height = dep.height + 1;
    }
    return height;
  }
}
