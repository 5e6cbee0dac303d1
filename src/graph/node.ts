// One cell of the graph and the edges between cells. Edges live in parallel arrays that know each other's positions, so
// linking and unlinking cost O(1) however many readers a cell has, and no edge needs an object or a closure.
import type { AnyFamily } from './family.ts';

const NO_NODES: Node[] = [];
const NO_SLOTS: number[] = [];

/** What is told when an observed cell changed. */
export interface Observer<V = unknown> {
  changed(value: V, node: Node): void;
}

export class Node {
  readonly family: AnyFamily;
  readonly key: unknown;
  /** Canonical string of the key within its family. */
  readonly id: string;
  value: unknown = undefined;
  /** `value` is what the computation threw. */
  failed = false;
  computing = false;
  /** Something that it read has changed. */
  dirty = false;
  /** Was dropped: no family knows it any more. */
  dead = false;
  /** Waits in the graph's list of cells that may have become unneeded. */
  orphan = false;
  /** Waits to be told to its observers. */
  noticed = false;
  /** Greater than the height of everything it reads; inputs are 0. */
  height = 0;
  /** The flush in which it was last known to be fresh. */
  verified = 0;
  /** The computation that last recorded a read of it. */
  stamp = 0;
  deps: Node[] = NO_NODES;
  /** deps[i].dependents[depSlots[i]] is this node. */
  depSlots: number[] = NO_SLOTS;
  dependents: Node[] = NO_NODES;
  /** dependents[j].deps[dependentSlots[j]] is this node. */
  dependentSlots: number[] = NO_SLOTS;
  observers: Observer[] | undefined = undefined;

  constructor(family: AnyFamily, key: unknown, id: string) {
    this.family = family;
    this.key = key;
    this.id = id;
  }

  get needed(): boolean {
    return this.dependents.length > 0 || this.observers !== undefined;
  }
}

/** Appends `dep` to what `node` reads. */
export function link(node: Node, dep: Node): void {
  if (node.deps === NO_NODES) {
    node.deps = [];
    node.depSlots = [];
  }
  if (dep.dependents === NO_NODES) {
    dep.dependents = [];
    dep.dependentSlots = [];
  }
  node.depSlots.push(dep.dependents.length);
  dep.dependents.push(node);
  dep.dependentSlots.push(node.deps.length);
  node.deps.push(dep);
}

/** Removes what `node` reads from position `from` on; `orphaned` hears of each cell that lost its last reader. */
export function unlinkFrom(node: Node, from: number, orphaned: (dep: Node) => void): void {
  const { deps, depSlots } = node;
  for (let i = deps.length - 1; i >= from; i--) {
    const dep = deps[i]!;
    const slot = depSlots[i]!;
    const { dependents, dependentSlots } = dep;
    const last = dependents.pop()!;
    const lastSlot = dependentSlots.pop()!;
    if (slot < dependents.length) {
      dependents[slot] = last;
      dependentSlots[slot] = lastSlot;
      last.depSlots[lastSlot] = slot;
    }
    deps.length = i;
    depSlots.length = i;
    if (dependents.length === 0) orphaned(dep);
  }
}
