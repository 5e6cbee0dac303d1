// `--set a.b[0].c=value` as istioctl reads it.
import { isList, isObject, type Json, type JsonObject } from './json.ts';

export type PathStep = string | number;
export interface SetFlag {
  readonly path: readonly PathStep[];
  readonly text: string;
  readonly value: Json;
}

/** Parts of an IstioOperator's spec that may be set without the prefix `values.` */
const SPEC_FIELDS = new Set([
  'profile',
  'installPackagePath',
  'hub',
  'tag',
  'namespace',
  'revision',
  'compatibilityVersion',
  'meshConfig',
  'components',
  'values',
  'unvalidatedValues',
  'addonComponents',
  'defaultRevision',
]);

/**
 * Parses one `path=value`. A dot in a key is written `\.`; values are typed as YAML would (`true`, `3`, `null`), and
 * `{a,b}` is a list. A path outside the spec's own fields is a Helm value. Throws an Error that says what is wrong.
 */
export function parseSetFlag(flag: string): SetFlag {
  const equals = flag.indexOf('=');
  if (equals < 1) throw new Error(`write it as path=value, for example --set values.global.network=network1`);
  const path = parsePath(flag.slice(0, equals));
  const text = flag.slice(equals + 1);
  const spec = path[0] === 'spec' ? path.slice(1) : path;
  if (spec.length === 0) throw new Error(`the path names no field of spec`);
  const known = typeof spec[0] === 'string' && SPEC_FIELDS.has(spec[0]);
  return { path: known ? spec : ['values', ...spec], text, value: inferValue(text) };
}

/** Splits `a.b[0].c\.d` into `a`, `b`, 0, `c.d`. Throws an Error on unbalanced brackets or empty keys. */
export function parsePath(path: string): PathStep[] {
  const steps: PathStep[] = [];
  let key = '';
  let hasKey = false;
  const end = () => {
    if (!hasKey) throw new Error(`path ${path}: there is an empty key`);
    steps.push(key);
    key = '';
    hasKey = false;
  };
  for (let i = 0; i < path.length; i++) {
    const c = path[i]!;
    if (c === '\\' && i + 1 < path.length) {
      key += path[++i];
      hasKey = true;
    } else if (c === '.') {
      if (hasKey || typeof steps.at(-1) !== 'number') end();
    } else if (c === '[') {
      if (hasKey) end();
      const close = path.indexOf(']', i);
      const index = close < 0 ? '' : path.slice(i + 1, close);
      if (!/^\d+$/.test(index)) throw new Error(`path ${path}: '[' needs a list index such as [0]`);
      steps.push(Number(index));
      i = close;
    } else {
      key += c;
      hasKey = true;
    }
  }
  if (hasKey) end();
  else if (path.endsWith('.') || steps.length === 0) throw new Error(`path ${path}: there is an empty key`);
  return steps;
}

/** The YAML type of an unquoted scalar; `{a,b}` is a list of them. */
export function inferValue(text: string): Json {
  if (text.startsWith('{') && text.endsWith('}')) {
    const inner = text.slice(1, -1);
    return inner === '' ? [] : inner.split(',').map((item) => inferValue(item.trim()));
  }
  if (text === 'true' || text === 'false') return text === 'true';
  if (text === 'null') return null;
  if (/^-?(0|[1-9]\d{0,14})$/.test(text)) return Number(text);
  if (/^-?\d+\.\d+$/.test(text) && text.length < 16) return Number(text);
  return text;
}

/**
 * A copy of `target` with `value` at `path`, or without anything there when it is undefined; maps and list elements are
 * made on the way. Throws an Error where the path
 * contradicts what is there (a key into a list, an index beyond the end).
 */
export function setPath(
  target: Json | undefined,
  path: readonly PathStep[],
  value: Json | undefined,
  done = '',
): Json | undefined {
  if (path.length === 0) return value;
  const [step, ...rest] = path;
  if (typeof step === 'number') {
    if (target !== undefined && !isList(target)) throw new Error(`${done} is not a list, so [${step}] cannot be set`);
    const list = [...(target ?? [])];
    if (step > list.length) throw new Error(`${done} has ${list.length} elements, so [${step}] cannot be set`);
    const next = setPath(list[step], rest, value, `${done}[${step}]`);
    if (next === undefined) list.splice(step, 1);
    else list[step] = next;
    return list;
  }
  if (target !== undefined && target !== null && !isObject(target)) {
    throw new Error(`${done || 'spec'} is ${isList(target) ? 'a list' : 'a value'}, so .${step} cannot be set`);
  }
  const out: Record<string, Json | undefined> = { ...((target ?? {}) as JsonObject) };
  const next = setPath(out[step!], rest, value, done ? `${done}.${step}` : step!);
  if (next === undefined) delete out[step!];
  else out[step!] = next;
  return out as JsonObject;
}
