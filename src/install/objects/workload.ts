// Lays the generic settings of a component (`k8s.*`) on its Deployment and Service.
import { isList, isObject, type Json, type JsonObject, listAt, objectAt, textAt } from '../json.ts';
import { merge, mergeObjects } from '../merge.ts';

/** Scheduling of a pod: by `k8s.*`, else by the component's values, else by what `values.global` says for all. */
export function podSettings(k8s: JsonObject, values: JsonObject, global: JsonObject): JsonObject {
  const out: Record<string, Json> = {};
  const given = (key: string, value: Json | undefined) => {
    if (value !== undefined && value !== '') out[key] = value;
  };
  given('affinity', nonEmpty(k8s.affinity) ?? nonEmpty(values.affinity));
  given(
    'nodeSelector',
    nonEmpty(k8s.nodeSelector) ?? nonEmpty(values.nodeSelector) ?? nonEmpty(global.defaultNodeSelector),
  );
  given(
    'tolerations',
    nonEmpty(k8s.tolerations) ?? nonEmpty(values.tolerations) ?? nonEmpty(global.defaultTolerations),
  );
  given('topologySpreadConstraints', nonEmpty(values.topologySpreadConstraints));
  given('priorityClassName', textAt(k8s, 'priorityClassName') || textAt(global, 'priorityClassName'));
  return out;
}

function nonEmpty(value: Json | undefined): Json | undefined {
  if (isList(value)) return value.length > 0 ? value : undefined;
  return isObject(value) && Object.keys(value).length > 0 ? value : undefined;
}

/** Environment of a container: defaults, then `values.*.env` (a map), then `k8s.env` (Kubernetes' list); later wins by name. */
export function environment(defaults: readonly JsonObject[], map: JsonObject, list: readonly Json[]): readonly Json[] {
  const fromMap = Object.entries(map).map(([name, value]) => ({ name, value: String(value) }));
  const replace = (base: readonly Json[], over: readonly Json[]): Json[] => {
    const out = [...base];
    for (const item of over) {
      const place = out.findIndex((other) => isObject(other) && isObject(item) && other.name === item.name);
      if (place < 0) out.push(item);
      else out[place] = item;
    }
    return out;
  };
  return replace(replace(defaults, fromMap), list);
}

/** A container with resources, probes, mounts and pull policy of `k8s.*` laid on it. */
export function containerSettings(container: JsonObject, k8s: JsonObject): JsonObject {
  const out: Record<string, Json | undefined> = { ...container };
  if (k8s.resources !== undefined) out.resources = k8s.resources;
  if (k8s.readinessProbe !== undefined) out.readinessProbe = mergeProbe(container.readinessProbe, k8s.readinessProbe);
  const mounts = listAt(k8s, 'volumeMounts');
  if (mounts.length > 0) out.volumeMounts = [...listAt(container, 'volumeMounts'), ...mounts];
  return out as JsonObject;
}

/** A probe with another handler replaces the default handler instead of having two. */
function mergeProbe(base: Json | undefined, over: Json): Json | undefined {
  const handlers = ['httpGet', 'tcpSocket', 'exec', 'grpc'];
  if (!isObject(base) || !isObject(over) || !handlers.some((h) => h in over)) return merge(base, over);
  const rest = Object.fromEntries(Object.entries(base).filter(([key]) => !handlers.includes(key)));
  return mergeObjects(rest, over);
}

/** A Service spec with `k8s.service` on it: its ports and selector replace the default ones. */
export function serviceSpec(defaults: JsonObject, k8s: JsonObject): JsonObject {
  const own = objectAt(k8s, 'service');
  const merged = mergeObjects(defaults, own);
  return own.selector === undefined ? merged : { ...merged, selector: own.selector };
}

/** Deployment strategy of `k8s.strategy`, else a rolling update by the given figures. */
export function strategyOf(k8s: JsonObject, maxSurge: Json, maxUnavailable: Json): JsonObject {
  const own = k8s.strategy;
  if (isObject(own)) return own;
  return { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } };
}
