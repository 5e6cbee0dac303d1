// JSON of an Istio spec → generated message, with every unknown field and wrong type reported at its own path.

import type { DescField, DescMessage, JsonValue, MessageShape } from '@bufbuild/protobuf';
import { create, fromJson } from '@bufbuild/protobuf';
import { type Problem, problem } from '../model/problem.ts';
import { protoDuration } from './go-duration.ts';

export interface DecodedSpec<D extends DescMessage> {
  /** Absent when some field has a wrong type. */
  readonly spec?: MessageShape<D>;
  readonly unknown: readonly Problem[];
  readonly wrong: readonly Problem[];
}

/** Decodes `json` as `schema`; `path` is where the value stands in its object, e.g. `spec`. */
export function decodeSpec<D extends DescMessage>(schema: D, json: unknown, path: string): DecodedSpec<D> {
  if (json === undefined || json === null) return { spec: create(schema), unknown: [], wrong: [] };
  const unknown: Problem[] = [];
  const known = withoutUnknown(schema, json, path, unknown);
  try {
    return { spec: fromJson(schema, known as JsonValue), unknown, wrong: [] };
  } catch (error) {
    const wrong: Problem[] = [];
    findWrong(schema, known, path, wrong);
    if (wrong.length === 0) wrong.push(problem('wrong-type', path, reason(error)));
    return { unknown, wrong };
  }
}

/** Well-known types have a JSON form of their own; their content is not checked field by field. */
const isOpaque = (schema: DescMessage) => schema.typeName.startsWith('google.protobuf.');

/** Also turns durations into protobuf's form. */
function withoutUnknown(schema: DescMessage, json: unknown, path: string, unknown: Problem[]): unknown {
  if (schema.typeName === 'google.protobuf.Duration' && typeof json === 'string') return protoDuration(json) ?? json;
  if (isOpaque(schema) || !isRecord(json)) return json;
  const fields = fieldsOf(schema);
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(json)) {
    const field = fields.get(key);
    const at = `${path}.${key}`;
    if (!field) {
      unknown.push(problem('unknown-field', at, `There is no field "${key}" in ${schema.name}; check the spelling.`));
    } else {
      kept[key] = eachMessage(field, value, at, (message, part, partPath) =>
        withoutUnknown(message, part, partPath, unknown),
      );
    }
  }
  return kept;
}

function findWrong(schema: DescMessage, json: unknown, path: string, wrong: Problem[]): void {
  if (isOpaque(schema) || !isRecord(json)) {
    tryDecode(schema, json, path, wrong);
    return;
  }
  const fields = fieldsOf(schema);
  for (const [key, value] of Object.entries(json)) {
    const field = fields.get(key);
    if (!field || decodes(schema, { [key]: value })) continue;
    const before = wrong.length;
    eachMessage(field, value, `${path}.${key}`, (message, part, partPath) => {
      findWrong(message, part, partPath, wrong);
      return part;
    });
    if (wrong.length === before) tryDecode(schema, { [key]: value }, `${path}.${key}`, wrong);
  }
}

function eachMessage(
  field: DescField,
  value: unknown,
  path: string,
  visit: (schema: DescMessage, value: unknown, path: string) => unknown,
): unknown {
  if (value === null || value === undefined) return value;
  if (field.fieldKind === 'message') return visit(field.message, value, path);
  if (field.fieldKind === 'list' && field.listKind === 'message' && Array.isArray(value)) {
    const { message } = field;
    return value.map((item, i) => visit(message, item, `${path}[${i}]`));
  }
  if (field.fieldKind === 'map' && field.mapKind === 'message' && isRecord(value)) {
    const { message } = field;
    return Object.fromEntries(Object.entries(value).map(([k, item]) => [k, visit(message, item, `${path}[${k}]`)]));
  }
  return value;
}

const fieldTables = new WeakMap<DescMessage, Map<string, DescField>>();

function fieldsOf(schema: DescMessage): Map<string, DescField> {
  let table = fieldTables.get(schema);
  if (!table) {
    table = new Map(schema.fields.flatMap((f) => [[f.jsonName, f] as const, [f.name, f] as const]));
    fieldTables.set(schema, table);
  }
  return table;
}

function decodes(schema: DescMessage, json: unknown): boolean {
  try {
    fromJson(schema, json as JsonValue);
    return true;
  } catch {
    return false;
  }
}

function tryDecode(schema: DescMessage, json: unknown, path: string, wrong: Problem[]): void {
  try {
    fromJson(schema, json as JsonValue);
  } catch (error) {
    wrong.push(problem('wrong-type', path, reason(error)));
  }
}

function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const duration = /google\.protobuf\.Duration from JSON: (.*)$/.exec(message);
  if (duration) return `${duration[1]} is not a duration such as "1.5s", "250ms" or "1h30m".`;
  return `${message.replace(/^cannot decode (message|field) /, 'Cannot read ')}.`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
