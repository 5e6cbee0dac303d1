// Strategic merge of a partial pod over a pod: Kubernetes' own rules for lists with a merge key, and its `$patch` directives.
import type { JsonObject, JsonValue } from './json.ts';
import { isObject, own } from './json.ts';

/** Merge keys of the lists inside a pod (`patchMergeKey` in the Kubernetes API). Other lists are replaced whole. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  ephemeralContainers: 'name',
  volumes: 'name',
  imagePullSecrets: 'name',
  env: 'name',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
  ports: 'containerPort',
  hostAliases: 'ip',
  topologySpreadConstraints: 'topologyKey',
  resourceClaims: 'name',
  schedulingGates: 'name',
  ownerReferences: 'uid',
};

/** Fields of which an object may have one only; setting another one removes the first, else the pod would be invalid. */
const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'];
const UNIONS: Readonly<Record<string, readonly string[]>> = {
  env: ['value', 'valueFrom'],
  readinessProbe: HANDLERS,
  livenessProbe: HANDLERS,
  startupProbe: HANDLERS,
  preStop: HANDLERS,
  postStart: HANDLERS,
};

/**
 * The patch over the base. `null` removes a field; `$patch: replace` replaces an object or a list, `$patch: delete`
 * removes a list's item or empties an object. Items of the patch that are new come after those of the base.
 */
export function strategicMerge<T extends JsonObject>(base: T, patch: JsonObject): T {
  return mergeObjects(base, patch, '') as T;
}

function mergeObjects(base: JsonObject, patch: JsonObject, field: string): JsonObject {
  const { $patch: directive, $retainKeys: retain, ...fields } = patch;
  if (directive === 'delete') return {};
  if (directive === 'replace') return clean(fields);
  const result: Record<string, JsonValue | undefined> = { ...withoutRivals(base, fields, field) };
  if (Array.isArray(retain)) for (const key of Object.keys(result)) if (!retain.includes(key)) delete result[key];
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined || key.startsWith('$')) continue;
    if (value === null) delete result[key];
    else result[key] = mergeValues(own(result, key), value, key);
  }
  return result;
}

function mergeValues(base: JsonValue | undefined, patch: JsonValue, field: string): JsonValue {
  if (isObject(patch)) return isObject(base) ? mergeObjects(base, patch, field) : clean(patch);
  if (!Array.isArray(patch)) return patch;
  const key = Object.hasOwn(MERGE_KEYS, field) ? MERGE_KEYS[field] : undefined;
  const items = patch as readonly JsonValue[];
  if (key === undefined || !items.every(isObject)) return items;
  return mergeLists(Array.isArray(base) ? base : [], items as readonly JsonObject[], key, field);
}

function mergeLists(
  base: readonly JsonValue[],
  patch: readonly JsonObject[],
  key: string,
  field: string,
): readonly JsonValue[] {
  if (patch.some((item) => item.$patch === 'replace' && item[key] === undefined)) {
    return patch.filter((item) => item[key] !== undefined).map(clean);
  }
  const result: JsonValue[] = [...base];
  for (const item of patch) {
    const at = result.findIndex((other) => isObject(other) && other[key] === item[key]);
    const current = result[at];
    if (item.$patch === 'delete') {
      if (at >= 0) result.splice(at, 1);
    } else if (isObject(current)) result[at] = mergeObjects(current, item, field);
    else result.push(clean(item));
  }
  return result;
}

/** The base without the fields that a field of the patch excludes. A volume has one source beside its name. */
function withoutRivals(base: JsonObject, patch: JsonObject, field: string): JsonObject {
  const set = Object.keys(patch).filter((key) => patch[key] !== undefined && patch[key] !== null);
  const union = field === 'volumes' ? Object.keys(base).filter((key) => key !== 'name') : unionOf(field);
  if (!union) return base;
  const chooses = field === 'volumes' ? set.some((key) => key !== 'name') : set.some((key) => union.includes(key));
  if (!chooses) return base;
  return Object.fromEntries(Object.entries(base).filter(([key]) => !union.includes(key) || set.includes(key)));
}

function unionOf(field: string): readonly string[] | undefined {
  return Object.hasOwn(UNIONS, field) ? UNIONS[field] : undefined;
}

/** A patch laid over nothing: without nulls and directives. */
function clean(patch: JsonObject): JsonObject {
  const result: Record<string, JsonValue | undefined> = {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined || value === null || key.startsWith('$')) continue;
    if (isObject(value)) result[key] = clean(value);
    else if (Array.isArray(value)) {
      result[key] = value
        .filter((item) => !(isObject(item) && item.$patch === 'delete'))
        .map((item) => (isObject(item) ? clean(item) : item));
    } else result[key] = value;
  }
  return result;
}
