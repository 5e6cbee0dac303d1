// The incremental engine: keyed inputs, derived values that record what they read, early cut-off.
//
// A write marks only the cells that read it. A flush then visits changed cells in order of height (a cell is higher than
// everything it reads): each is recomputed once, and only when something it read really changed; if its new value is
// equal, nothing beyond it is visited. So a write costs what it changes, not what it might reach. A cell that starts to
// read a cell at or above its own height during a flush first has that one brought up to date by a walk over just the
// unvisited heights. Cells without readers and observers are dropped.
import { audit } from './audit.ts';
import { type AnyFamily, DerivedFamily, type Host, IndexFamily, InputFamily } from './family.ts';
import { Cells, type Node, type Observer } from './node.ts';
import type { KeyId } from './node-table.ts';
import { Recording } from './recording.ts';
import {
  AuditError,
  CycleError,
  type DerivedOptions,
  type Family,
  type FlushReport,
  type GraphOptions,
  type Index,
  type Input,
  type Provenance,
  type Read,
} from './types.ts';

export type { DerivedOptions, Family, FlushReport, GraphOptions, Index, Input, Provenance, Read } from './types.ts';
export { AuditError, CycleError } from './types.ts';

const MAX_ROUNDS = 1000;

export class Graph {
  readonly #families: AnyFamily[] = [];
  readonly #cells = new Cells();
  readonly #audit: boolean;
  readonly #host: Host;
  readonly #flushed = new Set<(report: FlushReport) => void>();
  readonly #written = new Set<Node>();
  readonly #levels: Node[][] = [];
  #orphans: Node[] = [];
  #notices: Node[] = [];
  #depth = 0;
  #flushId = 1;
  /** The height that the running flush has reached; -1 outside. Everything lower is fresh. */
  #level = -1;
  #settling = false;
  #recomputed = 0;
  #changed = 0;
  #dropped = 0;

  /** What the computation reads that runs now. */
  #recording: Recording | undefined;
  #stamps = 0;

  constructor(options: GraphOptions = {}) {
    this.#audit = options.audit ?? process.env.ISTHMUS_AUDIT === '1';
    this.#host = {
      wrote: (node) => this.#written.add(node),
      mayWrite: (family) => {
        if (this.#recording) throw new Error(`${this.#recording.name} writes ${family}: computations only read`);
      },
      settle: () => {
        if (this.#depth === 0) this.flush();
      },
    };
  }

  /** A family of cells written from outside. `equal` decides whether a write changes anything (default: deep equality). */
  input<V>(name: string, options: { equal?: (a: V, b: V) => boolean } = {}): Input<V> {
    const family = new InputFamily(this.#host, name, options.equal as InputFamily['equal'] | undefined);
    this.#families.push(family);
    return family as unknown as Input<V>;
  }

  /** Keys of `input` by term. Only terms that a write adds or takes away change. */
  index<V>(input: Input<V>, name: string, terms: (value: V, key: string) => Iterable<string>): Index {
    const source = input as unknown as InputFamily;
    const family = new IndexFamily(source, name, terms as IndexFamily['terms']);
    source.indexes.push(family);
    this.#families.push(family);
    return family as unknown as Index;
  }

  /** Values computed by a pure function of the key and of what it reads. */
  derived<K, V>(name: string, compute: (key: K, read: Read) => V, options: DerivedOptions<K, V> = {}): Family<K, V> {
    const family = new DerivedFamily(
      name,
      compute as DerivedFamily['compute'],
      options.id as ((key: unknown) => KeyId) | undefined,
      options.equal as DerivedFamily['equal'] | undefined,
    );
    this.#families.push(family);
    return family as unknown as Family<K, V>;
  }

  /** The present value, also inside a batch. Kept until the next flush unless something needs it. Throws what it threw. */
  read<K, V>(family: Family<K, V>, key: K): V {
    if (this.#recording) throw new Error(`${this.#recording.name} reads past its own reader: use the one it was given`);
    this.#stabilise();
    const node = this.#fresh(family as unknown as AnyFamily, key);
    if (!node.needed) this.#orphaned(node);
    if (node.failed) throw node.value;
    return node.value as V;
  }

  /** Keeps a value alive and calls `listener` after each flush in which it changed (with `undefined` when it threw). */
  observe<K, V>(family: Family<K, V>, key: K, listener: (value: V) => void): Disposable {
    const observer: Observer<V> = { changed: (value) => listener(value) };
    const node = this.attach(family, key, observer);
    return { [Symbol.dispose]: () => this.detach(node, observer) };
  }

  /** Like `observe` for callers with many cells: one observer may watch any number of them. Pair with `detach`. */
  attach<K, V>(family: Family<K, V>, key: K, observer: Observer<V>): Node {
    if (this.#recording) throw new Error(`${this.#recording.name} observes: computations only read`);
    this.#stabilise();
    const node = this.#fresh(family as unknown as AnyFamily, key);
    if (node.observers) node.observers.push(observer as Observer);
    else node.observers = [observer as Observer];
    return node;
  }

  /** Ends what `attach` began. Unneeded cells are dropped in the next flush. Repeating it does nothing. */
  detach<V>(node: Node, observer: Observer<V>): void {
    const at = node.observers?.indexOf(observer as Observer) ?? -1;
    if (at < 0) return;
    node.observers!.splice(at, 1);
    if (node.observers!.length === 0) node.observers = undefined;
    if (!node.needed) this.#orphaned(node);
  }

  /** Groups writes: one flush when the outermost batch ends, also when `writes` throws. */
  batch<T>(writes: () => T): T {
    this.#depth++;
    try {
      return writes();
    } finally {
      if (--this.#depth === 0) this.flush();
    }
  }

  /** Brings every needed value up to date, tells observers, drops what nobody needs. Does nothing inside a batch. */
  flush(): void {
    if (this.#depth > 0 || this.#settling) return;
    this.#settling = true;
    const errors: unknown[] = [];
    try {
      let rounds = 0;
      do {
        if (++rounds > MAX_ROUNDS) throw new Error('observers keep writing: the graph does not come to rest');
        const written = this.#written.size;
        this.#stabilise();
        this.#sweep();
        this.#notify(errors);
        const report = { written, recomputed: this.#recomputed, changed: this.#changed, dropped: this.#dropped };
        this.#recomputed = 0;
        this.#changed = 0;
        this.#dropped = 0;
        for (const listener of this.#flushed) attempt(() => listener(report), errors);
      } while (this.#written.size > 0 || this.#notices.length > 0);
    } finally {
      this.#settling = false;
    }
    if (this.#audit) {
      const findings = audit(this.#families);
      if (findings.length > 0) errors.push(new AuditError(findings));
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, 'several observers failed');
  }

  /** Called after each flush, when observers have been told. */
  onFlush(listener: (report: FlushReport) => void): Disposable {
    this.#flushed.add(listener);
    return { [Symbol.dispose]: () => void this.#flushed.delete(listener) };
  }

  /** The inputs that a value was computed from, sorted, each once. For an index cell: the index and the term. */
  why<K>(family: Family<K, unknown>, key: K): Provenance[] {
    this.#stabilise();
    const start = this.#fresh(family as unknown as AnyFamily, key);
    const seen = new Set<Node>([start]);
    const found: Provenance[] = [];
    for (const node of seen) {
      if (node.family.kind !== 'derived') found.push({ input: node.family.name, key: node.id });
      for (let edge = node.firstDep; edge !== 0; edge = this.#cells.nextDep(edge)) seen.add(this.#cells.dep(edge));
    }
    if (!start.needed) this.#orphaned(start);
    return found.sort((a, b) => compare(a.input, b.input) || compare(a.key, b.key));
  }

  /** Live cells and computations so far, by family; for metrics and tests. */
  stats(): { name: string; kind: AnyFamily['kind']; live: number; computes: number }[] {
    return this.#families.map(({ name, kind, nodes, computes }) => ({ name, kind, live: nodes.size, computes }));
  }

  // ---- one flush ----

  /** Propagates pending writes. Observers are told later, by `flush`. */
  #stabilise(): void {
    if (this.#level >= 0) throw new Error('the graph is used while it computes');
    if (this.#written.size === 0) return;
    this.#sweep();
    this.#flushId++;
    this.#level = 0;
    for (const node of this.#written) this.#propagateSource(node);
    this.#written.clear();
    for (let level = 1; level < this.#levels.length; level++) {
      this.#level = level;
      const nodes = this.#levels[level]!;
      for (let i = 0; i < nodes.length; i++) this.#visit(nodes[i]!, level);
      nodes.length = 0;
    }
    this.#level = -1;
    this.#sweep();
  }

  #propagateSource(node: Node): void {
    const family = node.family;
    if (node.dead || family.kind === 'derived') return;
    const next = family.current(node.key as string);
    if (family.unchanged(node.value, next)) return;
    node.value = next;
    this.#spread(node);
  }

  #visit(node: Node, level: number): void {
    if (node.dead || !node.dirty) return;
    if (node.height > level) {
      this.#at(node.height).push(node);
    } else if (!node.needed) {
      this.#orphaned(node);
    } else {
      this.#refresh(node);
    }
  }

  #refresh(node: Node): void {
    node.dirty = false;
    const { value, failed } = node;
    this.#compute(node);
    node.verified = this.#flushId;
    this.#recomputed++;
    if (failed === node.failed && unchanged(node, value)) {
      node.value = value;
    } else {
      this.#changed++;
      this.#spread(node);
    }
  }

  /** A cell changed: its readers are to be recomputed, its observers told. */
  #spread(node: Node): void {
    if (node.observers && !node.noticed) {
      node.noticed = true;
      this.#notices.push(node);
    }
    const cells = this.#cells;
    for (let edge = node.firstReader; edge !== 0; edge = cells.nextReader(edge)) {
      const reader = cells.reader(edge);
      if (reader.dirty) continue;
      reader.dirty = true;
      this.#at(reader.height).push(reader);
    }
  }

  #at(height: number): Node[] {
    while (this.#levels.length <= height) this.#levels.push([]);
    return this.#levels[height]!;
  }

  /** Brings a cell up to date in the middle of a flush, before its height is reached. */
  #ensure(node: Node): void {
    if (node.computing) throw cycle(node);
    if (node.verified === this.#flushId || node.height < this.#level) return;
    for (let edge = node.firstDep; edge !== 0 && !node.dirty; edge = this.#cells.nextDep(edge)) {
      this.#ensure(this.#cells.dep(edge));
    }
    if (node.dirty) this.#refresh(node);
    node.verified = this.#flushId;
  }

  #notify(errors: unknown[]): void {
    const notices = this.#notices;
    this.#notices = [];
    this.#depth++;
    for (const node of notices) {
      node.noticed = false;
      const { observers } = node;
      if (!observers) continue;
      const value = node.failed ? undefined : node.value;
      for (const observer of observers.length === 1 ? observers : [...observers]) {
        attempt(() => observer.changed(value, node), errors);
      }
    }
    this.#depth--;
  }

  #orphaned = (node: Node): void => {
    if (node.orphan) return;
    node.orphan = true;
    this.#orphans.push(node);
  };

  /** Drops cells without readers and observers, and then those that only they read. */
  #sweep(): void {
    for (let node = this.#orphans.pop(); node; node = this.#orphans.pop()) {
      node.orphan = false;
      if (node.needed || node.computing || node.dead) continue;
      node.family.nodes.delete(node.family.id(node.key));
      this.#dropped++;
      this.#cells.drop(node, this.#orphaned);
    }
  }

  // ---- computing ----

  /** The cell, present and up to date. */
  #fresh(family: AnyFamily, key: unknown): Node {
    const id = family.id(key);
    const known = family.nodes.get(id);
    if (known) {
      if (known.computing) throw cycle(known);
      if (this.#level >= 0) this.#ensure(known);
      return known;
    }
    const node = this.#cells.create(family, key);
    family.nodes.add(id, node);
    if (family.kind === 'derived') this.#compute(node);
    else node.value = family.current(key as string);
    node.verified = this.#flushId;
    return node;
  }

  #read: Read = <K, V>(family: Family<K, V>, key: K): V => {
    if (!this.#recording) throw new Error(`${family.name} is read by a computation that has already returned`);
    const dep = this.#fresh(family as unknown as AnyFamily, key);
    this.#recording.note(dep);
    if (dep.failed) throw dep.value;
    return dep.value as V;
  };

  #compute(node: Node): void {
    const outer = this.#recording;
    const recording = new Recording(node, this.#cells, ++this.#stamps);
    this.#recording = recording;
    node.computing = true;
    const family = node.family as DerivedFamily;
    family.computes++;
    try {
      node.value = family.compute(node.key, this.#read);
      node.failed = false;
    } catch (error) {
      node.value = error;
      node.failed = true;
    }
    node.computing = false;
    const height = recording.relink(this.#orphaned);
    if (height > node.height) this.#raise(node, height);
    this.#recording = outer;
  }

  /** Lifts a cell and whatever reads it, so that readers stay higher than what they read. Heights never sink. */
  #raise(start: Node, height: number): void {
    const cells = this.#cells;
    start.height = height;
    const raised = [start];
    for (let node = raised.pop(); node; node = raised.pop()) {
      for (let edge = node.firstReader; edge !== 0; edge = cells.nextReader(edge)) {
        const reader = cells.reader(edge);
        if (reader.height > node.height) continue;
        reader.height = node.height + 1;
        raised.push(reader);
      }
    }
  }
}

function unchanged(node: Node, old: unknown): boolean {
  if (node.failed) return String(old) === String(node.value);
  return old === node.value || (node.family as DerivedFamily).equal(old, node.value);
}

function cycle(node: Node): CycleError {
  return new CycleError(`${node.family.name}(${node.id}) reads itself`);
}

function attempt(run: () => void, errors: unknown[]): void {
  try {
    run();
  } catch (error) {
    errors.push(error);
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
