// Injection into whatever holds a pod template: Pods, Deployments, Jobs, CronJobs and the like, and Lists of them.
import type { Problem } from '../model/problem.ts';
import type { Decision } from './decision.ts';
import type { InjectorSettings, InjectRequest } from './inject.ts';
import { inject } from './inject.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { isObject } from './json.ts';
import type { ObjectMeta, Pod } from './pod.ts';
import type { Workload } from './templates/input.ts';
import { workloadOf } from './workload.ts';

export interface ResourceSettings extends InjectorSettings {
  readonly cluster: InjectRequest['cluster'];
  /** Namespace of objects that name none. */
  readonly namespace: string;
}

export interface ResourceOutcome {
  readonly kind: string;
  /** `namespace/name`, or the name alone when the object has no namespace. */
  readonly name: string;
  readonly decision: Decision;
  readonly problems: readonly Problem[];
}

export interface ResourceResult {
  readonly object: JsonValue;
  /** One for each object that has pods; other objects pass through and have none. */
  readonly outcomes: readonly ResourceOutcome[];
}

/** Where the pod template is, by kind; '' means that the object is the pod. */
const TEMPLATE_PATH: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
  DeploymentConfig: ['spec', 'template'],
  Rollout: ['spec', 'template'],
};

function templatePath(kind: unknown): readonly string[] | undefined {
  return typeof kind === 'string' && Object.hasOwn(TEMPLATE_PATH, kind) ? TEMPLATE_PATH[kind] : undefined;
}

/** Pod templates inside an object (a List has those of its items), in order. None for kinds without pods. */
export function podTemplatesOf(object: unknown): Pod[] {
  if (!isObject(object)) return [];
  if (object.kind === 'List' && Array.isArray(object.items)) return object.items.flatMap(podTemplatesOf);
  const path = templatePath(object.kind);
  const template = path && at(object, path);
  return isObject(template) ? [template as Pod] : [];
}

/** The object with its pods injected. An object that cannot be injected is returned as it was, with its problems. */
export function injectResource(object: unknown, settings: ResourceSettings): ResourceResult {
  if (!isObject(object)) return { object: object as JsonValue, outcomes: [] };
  if (object.kind === 'List' && Array.isArray(object.items)) {
    const results = (object.items as readonly JsonValue[]).map((item) => injectResource(item, settings));
    return {
      object: { ...object, items: results.map((result) => result.object) },
      outcomes: results.flatMap((result) => result.outcomes),
    };
  }
  const path = templatePath(object.kind);
  const template = path && at(object, path);
  if (!path || !isObject(template)) return { object, outcomes: [] };

  const metadata = (object.metadata ?? {}) as ObjectMeta;
  const pod = template as Pod;
  const namespace = metadata.namespace ?? pod.metadata?.namespace ?? settings.namespace;
  const workload = path.length === 0 ? workloadOf(pod, namespace) : workloadFrom(object, metadata, namespace);
  const result = inject({ ...settings, pod, workload, namespace: { name: namespace } });
  const name = pod.metadata?.name ?? metadata.name ?? metadata.generateName ?? '';
  const outcome: ResourceOutcome = {
    kind: object.kind as string,
    name: metadata.namespace ? `${metadata.namespace}/${name}` : name,
    decision: result.decision,
    problems: result.problems.map((problem) => ({ ...problem, path: prefixed(path, problem.path) })),
  };
  return { object: put(object, path, result.pod) as JsonValue, outcomes: [outcome] };
}

function workloadFrom(object: JsonObject, metadata: ObjectMeta, namespace: string): Workload {
  return {
    apiVersion: String(object.apiVersion ?? 'v1'),
    kind: String(object.kind),
    name: metadata.name ?? metadata.generateName?.replace(/-$/, '') ?? '',
    namespace,
  };
}

function at(object: JsonValue | undefined, path: readonly string[]): JsonValue | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return object;
  return isObject(object) ? at(object[step], rest) : undefined;
}

function put(object: JsonValue | undefined, path: readonly string[], value: JsonObject): JsonValue {
  const [step, ...rest] = path;
  if (step === undefined || !isObject(object)) return value;
  return { ...object, [step]: put(object[step], rest, value) };
}

/** Problems of a pod's own fields get the path inside the whole object. */
function prefixed(path: readonly string[], inner: string): string {
  return path.length > 0 && /^(metadata|spec)\b/.test(inner) ? `${path.join('.')}.${inner}` : inner;
}
