// The parts of a Kubernetes pod that injection looks at. Everything else passes through untouched.
import type { JsonObject, JsonValue } from './json.ts';

export const PROXY = 'istio-proxy';
export const INIT = 'istio-init';
export const VALIDATION = 'istio-validation';

export type StringMap = Readonly<Record<string, string>>;

export interface ObjectMeta extends JsonObject {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly labels?: StringMap;
  readonly annotations?: StringMap;
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference extends JsonObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly controller?: boolean;
}

export interface EnvVar extends JsonObject {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: JsonObject;
}

export interface ContainerPort extends JsonObject {
  readonly name?: string;
  readonly containerPort?: number;
  readonly protocol?: string;
}

/** A probe or a lifecycle handler. */
export interface Handler extends JsonObject {
  readonly httpGet?: JsonObject;
  readonly tcpSocket?: JsonObject;
  readonly grpc?: JsonObject;
  readonly exec?: JsonObject;
  readonly timeoutSeconds?: number;
}

export interface Container extends JsonObject {
  readonly name: string;
  readonly image?: string;
  readonly args?: readonly string[];
  readonly env?: readonly EnvVar[];
  readonly ports?: readonly ContainerPort[];
  readonly readinessProbe?: Handler;
  readonly livenessProbe?: Handler;
  readonly startupProbe?: Handler;
  readonly lifecycle?: { readonly preStop?: Handler; readonly postStart?: Handler };
  readonly securityContext?: JsonObject;
  readonly restartPolicy?: string;
}

export interface PodSpec extends JsonObject {
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly NamedObject[];
  readonly imagePullSecrets?: readonly NamedObject[];
  readonly hostNetwork?: boolean;
  readonly nodeName?: string;
  readonly serviceAccountName?: string;
  readonly dnsPolicy?: string;
}

export interface NamedObject extends JsonObject {
  readonly name: string;
}

export interface Pod extends JsonObject {
  readonly metadata?: ObjectMeta;
  readonly spec?: PodSpec;
}

/** A pod, or the part of one that a template adds. */
export type PodPatch = Pod;

export function labelsOf(pod: Pod): StringMap {
  return pod.metadata?.labels ?? {};
}

export function annotationsOf(pod: Pod): StringMap {
  return pod.metadata?.annotations ?? {};
}

export function findNamed<T extends NamedObject | Container>(
  list: readonly T[] | undefined,
  name: string,
): T | undefined {
  return list?.find((item) => item.name === name);
}

/** Where a container of that name is; containers are looked at before init containers. */
export function containerList(pod: Pod, name: string): 'containers' | 'initContainers' | undefined {
  if (findNamed(pod.spec?.containers, name)) return 'containers';
  if (findNamed(pod.spec?.initContainers, name)) return 'initContainers';
  return undefined;
}

export function findContainer(pod: Pod, name: string): Container | undefined {
  return findNamed(pod.spec?.containers, name) ?? findNamed(pod.spec?.initContainers, name);
}

/** The pod with some fields of its spec replaced. */
export function withSpec(pod: Pod, spec: Readonly<Record<string, JsonValue | undefined>>): Pod {
  return { ...pod, spec: { ...pod.spec, ...spec } };
}

/** The pod with one container changed, wherever it is; unchanged when there is none. */
export function mapContainer(pod: Pod, name: string, change: (container: Container) => Container): Pod {
  const list = containerList(pod, name);
  if (!list) return pod;
  const containers = (pod.spec?.[list] ?? []).map((item) => (item.name === name ? change(item) : item));
  return withSpec(pod, { [list]: containers });
}

/** The pod with annotations replaced; keys with undefined are removed. */
export function withAnnotations(pod: Pod, annotations: Readonly<Record<string, string | undefined>>): Pod {
  const kept = Object.entries(annotations).filter(([, value]) => value !== undefined);
  return { ...pod, metadata: { ...pod.metadata, annotations: Object.fromEntries(kept) as StringMap } };
}

/** Parses Kubernetes' idea of a boolean in an annotation (Go's strconv.ParseBool); undefined when it is none. */
export function parseBool(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  return undefined;
}
