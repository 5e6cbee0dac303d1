// Maps to lists.

/** Puts a value behind those that a key has already. */
export function addTo<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const known = map.get(key);
  if (known) known.push(value);
  else map.set(key, [value]);
}

/** As `addTo`, for any number of values. */
export function addAllTo<K, V>(map: Map<K, V[]>, key: K, values: readonly V[]): void {
  const known = map.get(key);
  if (known) for (const value of values) known.push(value);
  else if (values.length > 0) map.set(key, [...values]);
}
