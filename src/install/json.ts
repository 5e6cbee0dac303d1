// Plain JSON values as YAML documents and manifests hold them, and safe ways to look into them.

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** A Kubernetes object as a plain value. */
export interface Manifest extends JsonObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: JsonObject & { readonly name: string; readonly namespace?: string };
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** The value at a dotted path of plain keys; undefined where the path leaves the tree. */
export function at(value: Json | undefined, path: string): Json | undefined {
  let here: Json | undefined = value;
  for (const key of path.split('.')) {
    if (!isObject(here)) return undefined;
    here = here[key];
  }
  return here;
}

/** The object at a path; empty where there is none. */
export function objectAt(value: Json | undefined, path: string): JsonObject {
  const found = at(value, path);
  return isObject(found) ? found : {};
}

/** The list at a path; empty where there is none. */
export function listAt(value: Json | undefined, path: string): readonly Json[] {
  const found = at(value, path);
  return isList(found) ? found : [];
}

/** The scalar at a path as text (`tag: 2` is "2"); `fallback` where there is none or it is empty. */
export function textAt(value: Json | undefined, path: string, fallback = ''): string {
  const found = at(value, path);
  if (found === undefined || found === null || isObject(found) || isList(found)) return fallback;
  return String(found) || fallback;
}

/** The boolean at a path; `fallback` where there is none. */
export function flagAt(value: Json | undefined, path: string, fallback = false): boolean {
  const found = at(value, path);
  return typeof found === 'boolean' ? found : fallback;
}

/** The number at a path; undefined where there is none. */
export function numberAt(value: Json | undefined, path: string): number | undefined {
  const found = at(value, path);
  return typeof found === 'number' ? found : undefined;
}

/** A copy without keys whose value is undefined or null, at every depth: what is sent to an API server. */
export function compact<T extends Json>(value: T): T {
  if (isList(value)) return value.map((v) => compact(v)) as unknown as T;
  if (!isObject(value)) return value;
  const out: Record<string, Json> = {};
  for (const [key, v] of Object.entries(value)) if (v !== undefined && v !== null) out[key] = compact(v);
  return out as T;
}
