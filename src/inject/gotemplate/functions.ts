// Functions that templates may call: Go's own (but `and` and `or`, which stop early and are the executor's), Sprig's and Istio's.
import { stringify } from 'yaml';
import type { JsonValue } from '../json.ts';
import { isObject, sameJson } from '../json.ts';
import { parseBool } from '../pod.ts';
import { appendNetwork } from '../templates/cni.ts';
import { GoStruct, printed, StringMapValue, toJson, truthy } from './value.ts';

/** A call that cannot be answered; the executor adds the place. */
export class CallError extends Error {}

type Fn = (...args: unknown[]) => unknown;

/** Looks a function up by name; undefined when there is none of that name. */
export function findFunction(name: string): Fn | undefined {
  return Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
}

const compare =
  (name: string, test: (order: number) => boolean): Fn =>
  (a, b) => {
    if (typeof a !== typeof b || (typeof a !== 'number' && typeof a !== 'string')) {
      throw new CallError(`${name} compares two numbers or two texts`);
    }
    return test(a < (b as typeof a) ? -1 : a === b ? 0 : 1);
  };

const FUNCTIONS: Readonly<Record<string, Fn>> = {
  // Go
  not: (value) => !truthy(value),
  eq: (a, ...others) => others.some((b) => sameJson(toJson(a), toJson(b))),
  ne: (a, b) => !sameJson(toJson(a), toJson(b)),
  lt: compare('lt', (order) => order < 0),
  le: compare('le', (order) => order <= 0),
  gt: compare('gt', (order) => order > 0),
  ge: compare('ge', (order) => order >= 0),
  len: lengthOf,
  index: (value, ...keys) => keys.reduce(indexInto, value),
  print: (...args) => args.map(text).join(''),
  printf: (format, ...args) => formatted(text(format), args),
  // Sprig
  default: (fallback, value) => (truthy(value) ? value : fallback),
  coalesce: (...args) => args.find(truthy) ?? null,
  empty: (value) => !truthy(value),
  ternary: (yes, no, condition) => (truthy(condition) ? yes : no),
  quote: (...args) =>
    args
      .filter((arg) => arg !== null && arg !== undefined)
      .map((arg) => JSON.stringify(text(arg)))
      .join(' '),
  squote: (value) => `'${text(value)}'`,
  upper: (value) => text(value).toUpperCase(),
  lower: (value) => text(value).toLowerCase(),
  trim: (value) => text(value).trim(),
  trimSuffix: (suffix, value) => withoutSuffix(text(value), text(suffix)),
  trimPrefix: (prefix, value) =>
    text(value).startsWith(text(prefix)) ? text(value).slice(text(prefix).length) : value,
  trunc: (length, value) =>
    Number(length) < 0 ? text(value).slice(Number(length)) : text(value).slice(0, Number(length)),
  replace: (from, to, value) => text(value).replaceAll(text(from), text(to)),
  contains: (part, value) => text(value).includes(text(part)),
  hasPrefix: (prefix, value) => text(value).startsWith(text(prefix)),
  hasSuffix: (suffix, value) => text(value).endsWith(text(suffix)),
  join: (separator, items) => array(items).map(text).join(text(separator)),
  splitList: (separator, value) => text(value).split(text(separator)),
  list: (...items) => items,
  append: (items, item) => [...array(items), item],
  first: (items) => array(items)[0] ?? null,
  last: (items) => array(items).at(-1) ?? null,
  has: (item, items) => array(items).some((other) => sameJson(toJson(other), toJson(item))),
  dict: (...pairs) =>
    Object.fromEntries(pairs.flatMap((key, at) => (at % 2 === 0 ? [[text(key), pairs[at + 1]]] : []))),
  hasKey: (map, key) => Object.hasOwn(mapOf(map), text(key)),
  get: (map, key) => entry(mapOf(map), text(key)) ?? '',
  int: (value) => Math.trunc(Number(value)) || 0,
  toString: (value: unknown) => text(value),
  // Istio's own: the first line stays where it is. Sprig's nindent moves all lines.
  indent: (width, value) => indentFrom(1, width, value),
  nindent: (width, value) => `\n${indentFrom(0, width, value)}`,
  toYaml: (value) => stringify(toJson(value)).trimEnd(),
  toJson: (value) => JSON.stringify(toJson(value)),
  // Istio
  isset: (map, key) => Object.hasOwn(mapOf(map), text(key)),
  annotation: (meta, name, fallback) =>
    entry(mapOf(indexInto(meta, 'Annotations')), text(name)) ?? (fallback === null ? '' : text(fallback)),
  valueOrDefault: (value, fallback) => (truthy(value) ? value : fallback),
  toJSON: (value) => JSON.stringify(toJson(value)),
  structToJSON: (value) => (truthy(value) ? JSON.stringify(toJson(value)) : ''),
  fromJSON: (value) => parsed(text(value)),
  fromJson: (value) => parsed(text(value)),
  toLower: (value) => text(value).toLowerCase(),
  strdict: (...pairs) => FUNCTIONS.dict!(...pairs),
  omitNil: (value) => omitNil(toJson(value)),
  directory: (value) => text(value).slice(0, text(value).lastIndexOf('/') + 1),
  appendMultusNetwork: (existing) => appendNetwork(text(existing)),
  parseBool: (value) => parseBool(text(value)) ?? false,
  // The control plane's environment is not for templates to read: the default given is the answer.
  env: (_name, fallback) => fallback ?? '',
};

function text(value: unknown): string {
  if (value === null || value === undefined) return '';
  const result = printed(value);
  if (result === undefined) throw new CallError('a text, number or boolean is needed here, not a list or an object');
  return result;
}

function array(value: unknown): readonly unknown[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw new CallError('a list is needed here');
  return value;
}

function mapOf(value: unknown): Readonly<Record<string, unknown>> {
  if (value === null || value === undefined) return {};
  if (value instanceof StringMapValue) return value.entries;
  if (value instanceof GoStruct || !isObject(value)) throw new CallError('a map is needed here');
  return value;
}

function entry(map: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return Object.keys(mapOf(value)).length;
}

function indexInto(value: unknown, key: unknown): unknown {
  if (value instanceof GoStruct) return value.fields.get(text(key)) ?? null;
  if (value instanceof StringMapValue) return entry(value.entries, text(key)) ?? '';
  if (Array.isArray(value)) {
    const at = Number(key);
    if (!Number.isInteger(at) || at < 0 || at >= value.length) throw new CallError(`there is no item ${text(key)}`);
    return value[at];
  }
  return entry(mapOf(value), text(key)) ?? null;
}

/** Lines from the given one on, moved to the right. */
function indentFrom(first: number, width: unknown, value: unknown): string {
  const prefix = ' '.repeat(Number(width));
  return text(value)
    .split('\n')
    .map((line, at) => (at < first ? line : prefix + line))
    .join('\n');
}

function withoutSuffix(value: string, suffix: string): string {
  return suffix && value.endsWith(suffix) ? value.slice(0, -suffix.length) : value;
}

function formatted(format: string, args: readonly unknown[]): string {
  let at = 0;
  return format.replace(/%(.)/g, (_, verb: string) => {
    if (verb === '%') return '%';
    const arg = args[at++];
    if (verb === 'q') return JSON.stringify(text(arg));
    if (verb === 's' || verb === 'd' || verb === 'v' || verb === 't') return text(arg);
    throw new CallError(`printf does not know %${verb} here`);
  });
}

function parsed(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    throw new CallError(`${JSON.stringify(value.slice(0, 60))} is not JSON`);
  }
}

function omitNil(value: JsonValue): JsonValue {
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([, item]) => item !== null && item !== undefined);
  return Object.fromEntries(kept.map(([key, item]) => [key, omitNil(item!)]));
}
