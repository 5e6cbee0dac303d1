// Server-side apply and deletion of plain objects. Knows where each kind that installing deals with lives in the REST API.
import { isNotFound } from './api-error.ts';
import { type ResourceKind, resourcePath } from './object.ts';
import type { ApiClient } from './rest.ts';

/** What apply needs to know of an object; everything else is passed on. */
export interface Applicable {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

export const FIELD_MANAGER = 'isthmus-install';

const kind = (apiVersion: string, name: string, plural: string, namespaced: boolean): ResourceKind => ({
  apiVersion,
  kind: name,
  plural,
  namespaced,
});
const RBAC = 'rbac.authorization.k8s.io/v1';
const ADMISSION = 'admissionregistration.k8s.io/v1';

/** The kinds an installation consists of, in the order in which they are applied; deleted in the opposite order. */
export const INSTALLED_KINDS: readonly ResourceKind[] = [
  kind('v1', 'Namespace', 'namespaces', false),
  kind('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'customresourcedefinitions', false),
  kind('v1', 'ServiceAccount', 'serviceaccounts', true),
  kind(RBAC, 'ClusterRole', 'clusterroles', false),
  kind(RBAC, 'ClusterRoleBinding', 'clusterrolebindings', false),
  kind(RBAC, 'Role', 'roles', true),
  kind(RBAC, 'RoleBinding', 'rolebindings', true),
  kind('v1', 'Secret', 'secrets', true),
  kind('v1', 'ConfigMap', 'configmaps', true),
  kind('v1', 'Service', 'services', true),
  kind('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices', true),
  kind('apps/v1', 'Deployment', 'deployments', true),
  kind('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers', true),
  kind('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets', true),
  kind('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies', true),
  // Made by the control plane, but removed with it: a lease of one that is gone would hold up the next.
  kind('coordination.k8s.io/v1', 'Lease', 'leases', true),
  kind(ADMISSION, 'MutatingWebhookConfiguration', 'mutatingwebhookconfigurations', false),
  kind(ADMISSION, 'ValidatingWebhookConfiguration', 'validatingwebhookconfigurations', false),
];

/** Where objects of this kind live. Throws for a kind that no installation makes. */
export function kindOf(object: { readonly apiVersion: string; readonly kind: string }): ResourceKind {
  const found = INSTALLED_KINDS.find((k) => k.kind === object.kind && k.apiVersion === object.apiVersion);
  if (!found) throw new Error(`installing does not deal with ${object.apiVersion} ${object.kind}`);
  return found;
}

/** REST path of one object. */
export function pathOf(object: Applicable): string {
  return resourcePath(kindOf(object), object.metadata.namespace, object.metadata.name);
}

/** `Deployment istio-system/istiod`: how an object is named in messages. */
export function nameOf(object: Applicable): string {
  const { name, namespace } = object.metadata;
  return `${object.kind} ${namespace ? `${namespace}/` : ''}${name}`;
}

/** A copy in the order of INSTALLED_KINDS; objects of one kind keep their order. */
export function inApplyOrder<T extends Applicable>(objects: readonly T[]): T[] {
  const rank = (object: T) => INSTALLED_KINDS.findIndex((k) => k.kind === object.kind);
  return objects.toSorted((a, b) => rank(a) - rank(b));
}

/** Runs for every object: objects of one kind at the same time, one kind after another in the order they stand. */
export async function kindByKind<T extends Applicable>(
  objects: readonly T[],
  run: (object: T) => Promise<unknown>,
): Promise<void> {
  for (let start = 0; start < objects.length; ) {
    const kind = objects[start]!.kind;
    const end = objects.findIndex((object, i) => i > start && object.kind !== kind);
    const group = objects.slice(start, end < 0 ? objects.length : end);
    await Promise.all(group.map(run));
    start += group.length;
  }
}

export interface ApplyOptions {
  /** Ask the server to check everything and store nothing. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Server-side apply as `isthmus-install`, taking over fields that others have set: what an installation says, holds.
 * Fields it does not say (an autoscaler's replicas, a webhook's caBundle, node ports) stay. Rejects with ApiError.
 */
export async function apply<T extends Applicable>(api: ApiClient, object: T, options: ApplyOptions = {}): Promise<T> {
  return await api.request<T>({
    method: 'PATCH',
    path: pathOf(object),
    query: { fieldManager: FIELD_MANAGER, force: true, dryRun: options.dryRun ? 'All' : undefined },
    contentType: 'application/apply-patch+yaml',
    body: object,
    signal: options.signal,
  });
}

/** Deletes an object and, in the background, what it owns. False when it was not there. Rejects with ApiError. */
export async function remove(api: ApiClient, object: Applicable, options: ApplyOptions = {}): Promise<boolean> {
  try {
    await api.request({
      method: 'DELETE',
      path: pathOf(object),
      query: { propagationPolicy: 'Background', dryRun: options.dryRun ? 'All' : undefined },
      signal: options.signal,
    });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** The object as the server has it; undefined when it has none. Rejects with ApiError. */
export async function read<T>(api: ApiClient, object: Applicable, signal?: AbortSignal): Promise<T | undefined> {
  try {
    return await api.request<T>({ path: pathOf(object), signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
