// JSON Patch (RFC 6902) from one document to another, and applying one. The API server takes the injected pod as a patch.
import type { JsonObject, JsonValue } from './json.ts';
import { definedKeys, isObject, own, sameJson } from './json.ts';

export interface PatchOperation {
  readonly op: 'add' | 'remove' | 'replace';
  /** JSON Pointer (RFC 6901). */
  readonly path: string;
  readonly value?: JsonValue;
}

/** Operations that turn `from` into `to`, to be applied in order. Equal documents give none. */
export function diffJson(from: JsonValue, to: JsonValue): PatchOperation[] {
  const operations: PatchOperation[] = [];
  walk(from, to, '', operations);
  return operations;
}

/** Applies operations; throws RangeError when one names a place that is not there. */
export function applyPatch(document: JsonValue, operations: readonly PatchOperation[]): JsonValue {
  return operations.reduce((current, operation) => applyOne(current, pointer(operation.path), operation), document);
}

function walk(from: JsonValue, to: JsonValue, path: string, operations: PatchOperation[]): void {
  if (sameJson(from, to)) return;
  if (isObject(from) && isObject(to)) walkObject(from, to, path, operations);
  else if (Array.isArray(from) && Array.isArray(to)) walkArray(from, to, path, operations);
  else operations.push({ op: 'replace', path, value: to });
}

function walkObject(from: JsonObject, to: JsonObject, path: string, operations: PatchOperation[]): void {
  for (const key of definedKeys(from)) {
    const at = `${path}/${escaped(key)}`;
    const next = own(to, key);
    if (next === undefined) operations.push({ op: 'remove', path: at });
    else walk(from[key]!, next, at, operations);
  }
  for (const key of definedKeys(to)) {
    if (own(from, key) === undefined) operations.push({ op: 'add', path: `${path}/${escaped(key)}`, value: to[key]! });
  }
}

/** Equal items at both ends stay; between them items are compared one by one, the rest is added or removed. */
function walkArray(
  from: readonly JsonValue[],
  to: readonly JsonValue[],
  path: string,
  operations: PatchOperation[],
): void {
  const shorter = Math.min(from.length, to.length);
  let head = 0;
  while (head < shorter && sameJson(from[head], to[head])) head++;
  let tail = 0;
  while (tail < shorter - head && sameJson(from[from.length - 1 - tail], to[to.length - 1 - tail])) tail++;
  const old = from.slice(head, from.length - tail);
  const next = to.slice(head, to.length - tail);
  const both = Math.min(old.length, next.length);
  for (let index = 0; index < both; index++) walk(old[index]!, next[index]!, `${path}/${head + index}`, operations);
  for (let index = old.length - 1; index >= both; index--) {
    operations.push({ op: 'remove', path: `${path}/${head + index}` });
  }
  for (let index = both; index < next.length; index++) {
    operations.push({ op: 'add', path: `${path}/${head + index}`, value: next[index]! });
  }
}

function applyOne(document: JsonValue | undefined, steps: readonly string[], operation: PatchOperation): JsonValue {
  const [step, ...rest] = steps;
  if (step === undefined) return operation.op === 'remove' ? null : operation.value!;
  if (Array.isArray(document)) return applyToArray(document, step, rest, operation);
  if (!isObject(document)) throw new RangeError(`no object at ${JSON.stringify(step)} of ${operation.path}`);
  if (rest.length > 0) return { ...document, [step]: applyOne(own(document, step), rest, operation) };
  if (operation.op !== 'add' && own(document, step) === undefined) throw new RangeError(`nothing at ${operation.path}`);
  const { [step]: _, ...others } = document;
  return operation.op === 'remove' ? others : { ...document, [step]: operation.value! };
}

function applyToArray(
  items: readonly JsonValue[],
  step: string,
  rest: readonly string[],
  operation: PatchOperation,
): JsonValue {
  const index = step === '-' ? items.length : Number(step);
  const last = operation.op === 'add' && rest.length === 0 ? items.length : items.length - 1;
  if (!Number.isInteger(index) || index < 0 || index > last) throw new RangeError(`nothing at ${operation.path}`);
  if (rest.length > 0) return items.with(index, applyOne(items[index], rest, operation));
  if (operation.op === 'add') return items.toSpliced(index, 0, operation.value!);
  return operation.op === 'remove' ? items.toSpliced(index, 1) : items.with(index, operation.value!);
}

function pointer(path: string): string[] {
  return path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
