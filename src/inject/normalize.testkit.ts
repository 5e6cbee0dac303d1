// For tests: a workload in a form in which two injections of the same meaning are equal. All allowed differences are here.
import type { JsonObject, JsonValue } from './json.ts';
import { isObject, sameJson } from './json.ts';

/** The proxy's own environment that differs from the reference's on purpose. */
const DROPPED_ENV: Readonly<Record<string, string>> = {
  GOMEMLIMIT: 'tunes the Go runtime of the reference agent; ours is not a Go program',
  GOMAXPROCS: 'as GOMEMLIMIT',
};

/** Lists that mean the same in any order, with the key of their items. */
const KEYED: Readonly<Record<string, string>> = {
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  imagePullSecrets: 'name',
};

/** A workload, normalised. Containers become an object by name, with their position, so that differences have names. */
export function normalize(value: unknown): JsonValue {
  return visit(value as JsonValue, '') as JsonValue;
}

function visit(value: JsonValue | undefined, field: string): JsonValue | undefined {
  if (Array.isArray(value)) return visitList(value as readonly JsonValue[], field);
  if (!isObject(value)) return field === 'cpu' || field === 'memory' ? quantity(value) : value;
  const result: Record<string, JsonValue | undefined> = {};
  for (const [key, item] of Object.entries(value)) {
    // Kubernetes' default, which the reference leaves out when it writes.
    if (key === 'initialDelaySeconds' && item === 0) continue;
    if (key === 'status' && isObject(item) && Object.keys(item).length === 0) continue;
    if (key === 'annotations' && isObject(item)) result[key] = annotations(item);
    // A serialised Go struct has its empty parts; a missing key means the same.
    else if (!empty(item)) result[key] = visit(item, key);
  }
  return result;
}

function visitList(list: readonly JsonValue[], field: string): JsonValue {
  if (field === 'containers' || field === 'initContainers') {
    return Object.fromEntries(
      list.map((item, at) => [(item as JsonObject).name, { position: at, ...(visit(item, '') as JsonObject) }]),
    ) as JsonObject;
  }
  const key = KEYED[field];
  if (!key) return list.map((item) => visit(item, '') as JsonValue);
  const kept = list.filter(
    (item) => !(field === 'env' && Object.hasOwn(DROPPED_ENV, String((item as JsonObject).name))),
  );
  return Object.fromEntries(
    kept.map((item) => [(item as JsonObject)[key], keyed(item as JsonObject, field)]),
  ) as JsonObject;
}

function keyed(item: JsonObject, field: string): JsonValue {
  // `emptyDir: {}` is what the API server makes of a volume without a source.
  if (field === 'volumes' && Object.keys(item).every((key) => key === 'name' || key === 'emptyDir')) {
    return isObject(item.emptyDir) ? { ...item } : { ...item, emptyDir: {} };
  }
  if (field !== 'env') return visit(item, '') as JsonValue;
  const text = item.value;
  if (item.name === 'PROXY_CONFIG') {
    // Ours always tells the agent the discovery address and the mesh id; the reference leaves out defaults.
    const config = JSON.parse(String(text)) as Record<string, unknown>;
    if (config.discoveryAddress === 'istiod.istio-system.svc:15012') delete config.discoveryAddress;
    if (config.meshId === 'cluster.local') delete config.meshId;
    return config as JsonObject;
  }
  if (item.name === 'ISTIO_META_POD_PORTS' || item.name === 'ISTIO_KUBE_APP_PROBERS')
    return JSON.parse(String(text)) as JsonValue;
  return { ...item, value: text ?? '' };
}

function annotations(value: JsonObject): JsonObject {
  const entries = Object.entries(value).map(([name, text]) => {
    if (name === 'proxy.istio.io/overrides') return [name, visit(JSON.parse(String(text)) as JsonValue, '')];
    return [name, name === 'sidecar.istio.io/status' ? status(String(text)) : text];
  });
  return Object.fromEntries(entries) as JsonObject;
}

/** The names in the status are sets. */
function status(text: string): JsonValue {
  const parsed = JSON.parse(text) as Record<string, JsonValue>;
  const sorted = Object.entries(parsed).map(([key, item]) => [key, Array.isArray(item) ? [...item].sort() : item]);
  return Object.fromEntries(sorted) as JsonObject;
}

function empty(value: JsonValue | undefined): boolean {
  if (value === null || value === undefined) return true;
  return (Array.isArray(value) ? value : isObject(value) ? Object.keys(value) : ['x']).length === 0;
}

/** `2000m` and `2`, `1024Mi` and `1Gi` are the same quantity. */
function quantity(value: JsonValue | undefined): JsonValue | undefined {
  const match = /^(\d+)(m|Mi|Gi)?$/.exec(String(value));
  if (!match) return value;
  const factor = { m: 0.001, Mi: 2 ** 20, Gi: 2 ** 30, '': 1 }[match[2] ?? ''] ?? 1;
  return Number(match[1]) * factor;
}

/** Paths at which two values differ, with both values. */
export function differences(found: JsonValue, wanted: JsonValue, path = ''): string[] {
  if (sameJson(found, wanted)) return [];
  if (Array.isArray(found) && Array.isArray(wanted) && path.split('.').length < 3) {
    const length = Math.max(found.length, wanted.length);
    return Array.from({ length }).flatMap((_, at) =>
      differences(found[at] ?? null, wanted[at] ?? null, `${path}[${at}]`),
    );
  }
  if (!isObject(found) || !isObject(wanted)) {
    return [`${path}: found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`];
  }
  const keys = new Set([...Object.keys(found), ...Object.keys(wanted)]);
  return [...keys].flatMap((key) =>
    differences(found[key] ?? null, wanted[key] ?? null, path ? `${path}.${key}` : key),
  );
}
