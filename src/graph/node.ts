// The cells of the graph and the edges between them. There are several edges for each cell, and they come and go with every
// computation, so they are numbers in flat arrays: nothing for the garbage collector to follow, no object and no closure each.
import type { AnyFamily } from './family.ts';
import { keyText } from './node-table.ts';

/** What is told when an observed cell changed. */
export interface Observer<V = unknown> {
  changed(value: V, node: Node): void;
}

export class Node {
  readonly family: AnyFamily;
  readonly key: unknown;
  value: unknown = undefined;
  observers: Observer[] | undefined = undefined;
  /** Its place in the table of cells; 0 once it was dropped. */
  index: number;
  /** Greater than the height of everything it reads; inputs are 0. */
  height = 0;
  /** The flush in which it was last known to be fresh. */
  verified = 0;
  /** The computation that last recorded a read of it. */
  stamp = 0;
  /** First edge to what it reads, in the order of the reads; 0: none. */
  firstDep = 0;
  /** First edge to what reads it; 0: none. */
  firstReader = 0;
  /** `value` is what the computation threw. */
  failed = false;
  computing = false;
  /** Something that it read has changed. */
  dirty = false;
  /** Waits in the graph's list of cells that may have become unneeded. */
  orphan = false;
  /** Waits to be told to its observers. */
  noticed = false;

  constructor(family: AnyFamily, key: unknown, index: number) {
    this.family = family;
    this.key = key;
    this.index = index;
  }

  /** The key as text. */
  get id(): string {
    return keyText(this.family.id(this.key));
  }
  get needed(): boolean {
    return this.firstReader !== 0 || this.observers !== undefined;
  }
  get dead(): boolean {
    return this.index === 0;
  }
}

const FIRST_CAPACITY = 1024;

/** All cells of one graph and the edges "reader reads dep". Edge 0 and cell 0 stand for none. */
export class Cells {
  readonly #nodes: (Node | undefined)[] = [undefined];
  #freeNodes: number[] = [];
  #capacity = FIRST_CAPACITY;
  #edges = 1;
  /** Head of the list of unused edges, linked through `#nextDep`. */
  #freeEdge = 0;
  #dep = new Int32Array(FIRST_CAPACITY);
  #reader = new Int32Array(FIRST_CAPACITY);
  #nextDep = new Int32Array(FIRST_CAPACITY);
  #nextReader = new Int32Array(FIRST_CAPACITY);
  #previousReader = new Int32Array(FIRST_CAPACITY);

  create(family: AnyFamily, key: unknown): Node {
    const index = this.#freeNodes.pop() ?? this.#nodes.length;
    const node = new Node(family, key, index);
    this.#nodes[index] = node;
    return node;
  }

  /** Forgets a cell. It must not be read by any other; `orphaned` hears of what loses its last reader. */
  drop(node: Node, orphaned: (dep: Node) => void): void {
    this.unlinkAfter(node, 0, orphaned);
    this.#nodes[node.index] = undefined;
    this.#freeNodes.push(node.index);
    node.index = 0;
  }

  /** The cell that an edge leads to. */
  dep(edge: number): Node {
    return this.#nodes[this.#dep[edge]!]!;
  }
  reader(edge: number): Node {
    return this.#nodes[this.#reader[edge]!]!;
  }
  /** The edge to what the same cell read next; 0: none. */
  nextDep(edge: number): number {
    return this.#nextDep[edge]!;
  }
  nextReader(edge: number): number {
    return this.#nextReader[edge]!;
  }

  /** Adds an edge behind `last`, the last edge of what `node` reads (0: it reads nothing yet). Gives the new edge. */
  link(node: Node, dep: Node, last: number): number {
    const edge = this.#newEdge();
    this.#dep[edge] = dep.index;
    this.#reader[edge] = node.index;
    this.#nextDep[edge] = 0;
    this.#previousReader[edge] = 0;
    this.#nextReader[edge] = dep.firstReader;
    if (dep.firstReader !== 0) this.#previousReader[dep.firstReader] = edge;
    dep.firstReader = edge;
    if (last === 0) node.firstDep = edge;
    else this.#nextDep[last] = edge;
    return edge;
  }

  /** Removes what `node` reads behind the edge `last` (0: all of it). */
  unlinkAfter(node: Node, last: number, orphaned: (dep: Node) => void): void {
    let edge = last === 0 ? node.firstDep : this.#nextDep[last]!;
    if (last === 0) node.firstDep = 0;
    else this.#nextDep[last] = 0;
    while (edge !== 0) {
      const following = this.#nextDep[edge]!;
      const dep = this.dep(edge);
      const next = this.#nextReader[edge]!;
      const previous = this.#previousReader[edge]!;
      if (next !== 0) this.#previousReader[next] = previous;
      if (previous !== 0) this.#nextReader[previous] = next;
      else dep.firstReader = next;
      this.#nextDep[edge] = this.#freeEdge;
      this.#freeEdge = edge;
      if (dep.firstReader === 0) orphaned(dep);
      edge = following;
    }
  }

  #newEdge(): number {
    const free = this.#freeEdge;
    if (free !== 0) {
      this.#freeEdge = this.#nextDep[free]!;
      return free;
    }
    if (this.#edges === this.#capacity) this.#grow();
    return this.#edges++;
  }

  #grow(): void {
    this.#capacity *= 2;
    const grown = (old: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
      const array = new Int32Array(this.#capacity);
      array.set(old);
      return array;
    };
    this.#dep = grown(this.#dep);
    this.#reader = grown(this.#reader);
    this.#nextDep = grown(this.#nextDep);
    this.#nextReader = grown(this.#nextReader);
    this.#previousReader = grown(this.#previousReader);
  }
}
