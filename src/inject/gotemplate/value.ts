// Values inside a Go template: Go's structs (fixed fields), maps, truth, printing and comparison.
import type { JsonObject, JsonValue } from '../json.ts';
import { isObject } from '../json.ts';

/** A struct: asking for a field that it does not have is an error, as in Go. `json` is what it was made from. */
export class GoStruct {
  readonly type: string;
  readonly fields: ReadonlyMap<string, unknown>;
  readonly json: JsonValue;

  constructor(type: string, fields: Iterable<readonly [string, unknown]>, json: JsonValue) {
    this.type = type;
    this.fields = new Map(fields);
    this.json = json;
  }
}

/** A map of strings: a missing key is the empty string when indexed. */
export class StringMapValue {
  readonly entries: Readonly<Record<string, string>>;

  constructor(entries: Readonly<Record<string, string>>) {
    this.entries = entries;
  }
}

/** Go's idea of true: not false, 0, empty or nil. */
export function truthy(value: unknown): boolean {
  if (value instanceof GoStruct) return true;
  if (value instanceof StringMapValue) return Object.keys(value.entries).length > 0;
  if (Array.isArray(value)) return value.length > 0;
  if (isObject(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** The text that printing gives; undefined for values that Go would print in its own notation, which nobody wants. */
export function printed(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return undefined;
}

/** Back to JSON, for toYaml, toJSON and comparison. */
export function toJson(value: unknown): JsonValue {
  if (value instanceof GoStruct) return value.json;
  if (value instanceof StringMapValue) return value.entries;
  if (Array.isArray(value)) return value.map(toJson);
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)])) as JsonObject;
  return (value ?? null) as JsonValue;
}

/** Entries that `range` walks over: an index or key, and the value; maps are walked in key order. */
export function entriesOf(value: unknown): [unknown, unknown][] | undefined {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.map((item, index) => [index, item]);
  const map = value instanceof StringMapValue ? value.entries : value;
  if (value instanceof GoStruct || !isObject(map)) return undefined;
  return Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
}
