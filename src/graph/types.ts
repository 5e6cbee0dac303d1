// What the graph looks like from outside.
import type { AuditFinding } from './audit.ts';
import type { KeyId } from './node-table.ts';

declare const types: unique symbol;

/** Something readable: cells of one kind, by key. */
export interface Family<K, V> {
  readonly name: string;
  readonly [types]?: (key: K) => V;
}

/** Cells written from outside. Absent keys read as `undefined`. */
export interface Input<V> extends Family<string, V | undefined> {
  set(key: string, value: V): void;
  delete(key: string): void;
  get(key: string): V | undefined;
  entries(): Iterable<[string, V]>;
  readonly size: number;
}

/** Term → sorted keys of an input. */
export interface Index extends Family<string, readonly string[]> {}

/** Reads a cell inside a computation and records that it was read. Rethrows what the cell's own computation threw. */
export type Read = <K, V>(family: Family<K, V>, key: K) => V;

export interface DerivedOptions<K, V> {
  /** A key as canonical text, or two texts (scope and name); needed unless keys are strings. */
  readonly id?: (key: K) => KeyId;
  /** When an old and a new value count as equal; deep structural equality unless given. */
  readonly equal?: (a: V, b: V) => boolean;
}

export interface GraphOptions {
  /** Recompute every live value from scratch after each flush and throw when one differs. Default: env ISTHMUS_AUDIT=1. */
  readonly audit?: boolean;
}

/** What one flush did. */
export interface FlushReport {
  /** Source cells that changed. */
  readonly written: number;
  readonly recomputed: number;
  /** Recomputed cells whose value differs. */
  readonly changed: number;
  readonly dropped: number;
}

/** Where a value comes from. */
export interface Provenance {
  readonly input: string;
  readonly key: string;
}

/** A value reads itself, directly or through others. A defect of the program, never of configuration. */
export class CycleError extends Error {
  override readonly name = 'CycleError';
}

/** Incremental and from-scratch values differ: some computation is not a pure function of what it reads. */
export class AuditError extends Error {
  override readonly name = 'AuditError';
  readonly findings: readonly AuditFinding[];
  constructor(findings: readonly AuditFinding[]) {
    const shown = findings.slice(0, 5).map((finding) => `${finding.family}(${finding.key}): ${finding.message}`);
    super(`${findings.length} derived value(s) differ from a computation from scratch:\n${shown.join('\n')}`);
    this.findings = findings;
  }
}
