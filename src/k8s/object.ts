// How objects are addressed over REST.
import type { KubernetesObject } from '../kinds/object.ts';

export type { KubernetesObject, ObjectName } from '../kinds/object.ts';

/** What it takes to address objects of one kind over REST. */
export interface ResourceKind {
  /** `v1` or `group/version`. */
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** `namespace/name`, or `/name` for objects of the cluster: unique within one kind of one cluster. */
export function localKey(object: KubernetesObject): string {
  return `${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`;
}

/** REST path of the collection, or of one object in it. */
export function resourcePath(resource: ResourceKind, namespace = '', name = ''): string {
  const root = resource.apiVersion.includes('/') ? `/apis/${resource.apiVersion}` : `/api/${resource.apiVersion}`;
  const scope = resource.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${resource.plural}${name ? `/${encodeURIComponent(name)}` : ''}`;
}
