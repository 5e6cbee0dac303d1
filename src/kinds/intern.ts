// Shares equal strings and label sets between objects: ten thousand pods of one Deployment hold one set of labels.
import type { Labels } from './object.ts';

const EMPTY: Labels = Object.freeze({});
const pool = new Map<string, WeakRef<object>>();
const cleanup = new FinalizationRegistry<string>((key) => {
  if (pool.get(key)?.deref() === undefined) pool.delete(key);
});

/** One shared, frozen value for all plain data with equal JSON. Lives as long as somebody holds it. */
export function internValue<T extends object>(value: T): T {
  const key = JSON.stringify(value);
  const known = pool.get(key)?.deref();
  if (known) return known as T;
  const kept = Object.freeze(value);
  pool.set(key, new WeakRef(kept));
  cleanup.register(kept, key);
  return kept;
}

/** Labels with sorted keys and string values only, shared between equal sets. */
export function internLabels(labels: unknown): Labels {
  if (typeof labels !== 'object' || labels === null) return EMPTY;
  const entries = Object.entries(labels).filter((e): e is [string, string] => typeof e[1] === 'string');
  if (entries.length === 0) return EMPTY;
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return internValue(Object.fromEntries(entries));
}
