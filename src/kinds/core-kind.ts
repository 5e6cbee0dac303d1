// Makes the descriptor of a kind that belongs to Kubernetes itself: the API server has checked it, so only reading is left.
import { problem } from '../model/problem.ts';
import type { Kind } from './kind.ts';
import { checkMeta } from './meta.ts';
import type { KubernetesObject } from './object.ts';

export interface CoreKind<V> extends Omit<Kind<V>, 'decode' | 'validate' | 'from'> {
  readonly from?: Kind['from'];
  /** May throw on input that no API server would have accepted. */
  readonly read: (raw: KubernetesObject) => V;
}

export function coreKind<V>(def: CoreKind<V>): Kind<V> {
  const { read, from = 'every', ...names } = def;
  return {
    ...names,
    from,
    decode(raw) {
      try {
        return { value: read(raw), problems: [] };
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        return { problems: [problem('unreadable', '', `Cannot read this ${def.kind}: ${reason}.`)] };
      }
    },
    validate: (raw) => checkMeta(raw, def.namespaced),
  };
}

/** A plain object, or {} for anything else. */
export function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** An array of plain objects; anything else in it is skipped. */
export function records(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(record) : [];
}

export function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((v) => typeof v === 'string') : [];
}

export function integer(value: unknown, otherwise = 0): number {
  return typeof value === 'number' && Number.isInteger(value) ? value : otherwise;
}
