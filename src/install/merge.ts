// Deep merge of IstioOperator layers: profile, then each document, then --set flags.
import { isList, isObject, type Json, type JsonObject } from './json.ts';

/** Lists whose elements are identified by a key and merged one by one, by the last name of their path. Others are replaced. */
const KEYED_LISTS: Readonly<Record<string, string>> = {
  ingressGateways: 'name',
  egressGateways: 'name',
  env: 'name',
};

/**
 * Lays `over` on `base`: maps merge key by key, keyed lists element by element, everything else is replaced.
 * An explicit null stays null, as in Helm: it means "not set", also for those who lay the result over defaults of their own.
 */
export function merge(base: Json | undefined, over: Json | undefined, name = ''): Json | undefined {
  if (over === undefined) return base;
  if (isObject(base) && isObject(over)) return mergeObjects(base, over);
  const key = KEYED_LISTS[name];
  if (key && isList(base) && isList(over)) return mergeKeyed(base, over, key);
  return over;
}

/** As `merge`, for two maps. */
export function mergeObjects(base: JsonObject, over: JsonObject): JsonObject {
  const out: Record<string, Json> = {};
  for (const [key, value] of Object.entries(base)) if (value !== undefined) out[key] = value;
  for (const [key, value] of Object.entries(over)) {
    const merged = merge(out[key], value, key);
    if (merged === undefined) delete out[key];
    else out[key] = merged;
  }
  return out;
}

function mergeKeyed(base: readonly Json[], over: readonly Json[], key: string): Json[] {
  const out = [...base];
  for (const item of over) {
    const id = isObject(item) ? item[key] : undefined;
    const place = id === undefined ? -1 : out.findIndex((other) => isObject(other) && other[key] === id);
    if (place < 0) out.push(item);
    else out[place] = merge(out[place], item) as Json;
  }
  return out;
}
