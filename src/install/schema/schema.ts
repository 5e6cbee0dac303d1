// A small schema language for IstioOperator documents, and the check that reports every deviation from it.
import { isList, isObject, type Json } from '../json.ts';
import type { PathStep } from '../set-flag.ts';

export type Schema =
  | { readonly type: 'string' | 'boolean' | 'number' | 'any' | 'text' | 'intOrString' | 'quantity' }
  | { readonly type: 'integer'; readonly min?: number; readonly max?: number }
  | { readonly type: 'enum'; readonly values: readonly string[] }
  | { readonly type: 'list'; readonly items: Schema }
  | { readonly type: 'map'; readonly values: Schema }
  | { readonly type: 'object'; readonly fields: Readonly<Record<string, Schema>>; readonly open?: boolean }
  | { readonly type: 'lazy'; readonly of: () => Schema }
  /** Known to Istio, without meaning in this mesh: accepted with a warning that says so. */
  | { readonly type: 'unused'; readonly why: string };

export const string: Schema = { type: 'string' };
export const boolean: Schema = { type: 'boolean' };
export const number: Schema = { type: 'number' };
/** Checked by the API server, not here. */
export const any: Schema = { type: 'any' };
/** A string, or a number or boolean that is taken as its text (`tag: 1.2`). */
export const text: Schema = { type: 'text' };
export const intOrString: Schema = { type: 'intOrString' };
/** A Kubernetes quantity such as `100m` or `2Gi`. */
export const quantity: Schema = { type: 'quantity' };
export const port: Schema = { type: 'integer', min: 1, max: 65535 };
export const count: Schema = { type: 'integer', min: 0 };
export const list = (items: Schema): Schema => ({ type: 'list', items });
export const map = (values: Schema): Schema => ({ type: 'map', values });
export const object = (fields: Readonly<Record<string, Schema>>): Schema => ({ type: 'object', fields });
export const choice = (...values: string[]): Schema => ({ type: 'enum', values });
export const unused = (why: string): Schema => ({ type: 'unused', why });

export interface Deviation {
  readonly code: 'unknown-field' | 'wrong-type' | 'bad-value' | 'bad-port' | 'unused-field';
  readonly path: readonly PathStep[];
  readonly message: string;
  readonly severity: 'error' | 'warning';
}

/** Compares a value with its schema; null means "not set" everywhere. Returns every deviation, in document order. */
export function check(value: Json | undefined, schema: Schema, path: readonly PathStep[] = []): Deviation[] {
  if (value === undefined || value === null) return [];
  switch (schema.type) {
    case 'lazy':
      return check(value, schema.of(), path);
    case 'unused':
      return [{ code: 'unused-field', path, severity: 'warning', message: `has no effect here: ${schema.why}` }];
    case 'list':
      if (!isList(value)) return [wrong(value, 'a list', path)];
      return value.flatMap((item, i) => check(item, schema.items, [...path, i]));
    case 'map':
      if (!isObject(value)) return [wrong(value, 'a map', path)];
      return Object.entries(value).flatMap(([key, item]) => check(item, schema.values, [...path, key]));
    case 'object':
      if (!isObject(value)) return [wrong(value, 'a map', path)];
      return Object.entries(value).flatMap(([key, item]) => {
        const field = Object.hasOwn(schema.fields, key) ? schema.fields[key] : undefined;
        if (field) return check(item, field, [...path, key]);
        return schema.open ? [] : [unknown(key, Object.keys(schema.fields), path)];
      });
    case 'integer':
      return checkInteger(value, schema, path);
    default:
      return checkScalar(value, schema, path);
  }
}

type Scalar = Exclude<Schema, { readonly type: 'lazy' | 'unused' | 'list' | 'map' | 'object' | 'integer' }>;

function checkScalar(value: Json, schema: Scalar, path: readonly PathStep[]): Deviation[] {
  const bad = (message: string): Deviation[] => [{ code: 'bad-value', path, severity: 'error', message }];
  switch (schema.type) {
    case 'any':
      return [];
    case 'string':
      if (typeof value === 'string') return [];
      return [wrong(value, 'a text', path, isObject(value) || isList(value) ? '' : `; write it in quotes: "${value}"`)];
    case 'text':
      return isObject(value) || isList(value) ? [wrong(value, 'a text', path)] : [];
    case 'boolean':
      return typeof value === 'boolean' ? [] : [wrong(value, 'true or false', path)];
    case 'number':
      return typeof value === 'number' ? [] : [wrong(value, 'a number', path)];
    case 'intOrString':
      return typeof value === 'string' || Number.isInteger(value)
        ? []
        : [wrong(value, 'a whole number or a text', path)];
    case 'quantity': {
      if (typeof value !== 'string' && typeof value !== 'number')
        return [wrong(value, 'a quantity such as 100m or 2Gi', path)];
      const ok = /^[+-]?(\d+|\d*\.\d+|\d+\.)([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?$/.test(String(value));
      return ok ? [] : bad(`${JSON.stringify(value)} is not a quantity; write it as 100m, 1.5 or 2Gi`);
    }
    case 'enum':
      if (typeof value !== 'string') return [wrong(value, `one of ${schema.values.join(', ')}`, path)];
      return schema.values.includes(value)
        ? []
        : bad(`is ${JSON.stringify(value)}; it can be ${schema.values.join(', ')}`);
  }
}

function checkInteger(
  value: Json,
  schema: Extract<Schema, { type: 'integer' }>,
  path: readonly PathStep[],
): Deviation[] {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = schema;
  if (typeof value !== 'number' || !Number.isInteger(value)) return [wrong(value, 'a whole number', path)];
  if (value >= min && value <= max) return [];
  if (schema === port) {
    return [{ code: 'bad-port', path, severity: 'error', message: `${value} is not a port; ports are 1 to 65535` }];
  }
  const range = max === Number.MAX_SAFE_INTEGER ? `it cannot be less than ${min}` : `it must be ${min} to ${max}`;
  return [{ code: 'bad-value', path, severity: 'error', message: `is ${value}; ${range}` }];
}

function wrong(value: Json, wanted: string, path: readonly PathStep[], hint = ''): Deviation {
  const found = isList(value) ? 'a list' : isObject(value) ? 'a map' : JSON.stringify(value);
  return { code: 'wrong-type', path, severity: 'error', message: `must be ${wanted}, but is ${found}${hint}` };
}

function unknown(key: string, known: readonly string[], path: readonly PathStep[]): Deviation {
  const near = nearest(key, known);
  const message = `there is no field ${key}${near ? `; did you mean ${near}?` : ''}`;
  return { code: 'unknown-field', path: [...path, key], severity: 'error', message };
}

/** The known word closest to `word`, when it is close enough to be meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((name) => ({ name, distance: distance(word.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= Math.max(1, Math.floor(word.length / 3)) ? best.name : undefined;
}

/** Edit distance with transpositions of neighbours. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, before[j - 2]! + 1);
      row.push(best);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length]!;
}

/** The schema of the field at a path; undefined where the schema does not reach. */
export function schemaAt(schema: Schema, path: readonly PathStep[]): Schema | undefined {
  let here: Schema | undefined = schema;
  for (const step of path) {
    while (here?.type === 'lazy') here = here.of();
    if (here?.type === 'object') here = Object.hasOwn(here.fields, step) ? here.fields[step] : undefined;
    else if (here?.type === 'map') here = here.values;
    else if (here?.type === 'list' && typeof step === 'number') here = here.items;
    else return undefined;
  }
  while (here?.type === 'lazy') here = here.of();
  return here;
}

/** `spec.components.ingressGateways[0].k8s`; keys with dots are quoted. */
export function showPath(path: readonly PathStep[]): string {
  return path.reduce<string>((out, step) => {
    if (typeof step === 'number') return `${out}[${step}]`;
    return /[.[\]]/.test(step) ? `${out}["${step}"]` : out ? `${out}.${step}` : step;
  }, '');
}
