// Kubernetes objects as they arrive, and the little of their metadata that anything reads.
import type { ObjectRef } from '../model/service.ts';

export type Labels = Readonly<Record<string, string>>;

export interface RawMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly labels?: Labels | null;
  readonly annotations?: Labels | null;
  readonly creationTimestamp?: string | Date | null;
  readonly deletionTimestamp?: string | Date | null;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly uid?: string;
  readonly ownerReferences?: readonly {
    readonly kind?: string;
    readonly name?: string;
    readonly controller?: boolean;
  }[];
  readonly [key: string]: unknown;
}

/** Any object of the Kubernetes API, unchecked: fields may be missing or of the wrong type. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: RawMeta;
  readonly [key: string]: unknown;
}

/** What is kept of an object's metadata. Equal for two versions that differ only in managed fields, status or generation. */
export interface Meta {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  /** Only annotations that something reads (see `KEPT_ANNOTATIONS`). */
  readonly annotations: Labels;
  /** RFC 3339; '' when unknown. */
  readonly created: string;
}

/** An Istio object: metadata and its decoded spec. */
export interface Config<S> {
  readonly meta: Meta;
  readonly spec: S;
}

/** What names an object for removal; `apiVersion` is only needed where two groups share a kind. */
export interface ObjectName {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** The key of an object in every input: `cluster/namespace/name` (an empty namespace for cluster-scoped kinds). */
export function objectKey(cluster: string, namespace: string, name: string): string {
  return `${cluster}/${namespace}/${name}`;
}

/** Splits a key made by `objectKey`. */
export function splitKey(key: string): { cluster: string; namespace: string; name: string } {
  const first = key.indexOf('/');
  const second = key.indexOf('/', first + 1);
  return { cluster: key.slice(0, first), namespace: key.slice(first + 1, second), name: key.slice(second + 1) };
}

/** The object that a key of an input for `kind` stands for. */
export function refOf(kind: string, key: string): ObjectRef {
  return { kind, ...splitKey(key) };
}
