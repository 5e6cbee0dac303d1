// Short forms for ServiceAccounts, roles and their bindings.
import type { JsonObject, Manifest } from '../json.ts';

export type Labels = Readonly<Record<string, string>>;

/** One RBAC rule: verbs on resources of API groups, optionally only on objects of these names. */
export function rule(
  groups: readonly string[],
  resources: readonly string[],
  verbs: string,
  names?: string[],
): JsonObject {
  return { apiGroups: groups, resources, verbs: verbs.split(' '), ...(names ? { resourceNames: names } : {}) };
}

export interface Grant {
  readonly name: string;
  readonly labels: Labels;
  readonly rules: readonly JsonObject[];
  readonly account: { readonly name: string; readonly namespace: string };
  /** A Role in this namespace; a ClusterRole when absent. */
  readonly namespace?: string;
}

/** A role with its rules and the binding that gives it to a service account. */
export function grant({ name, labels, rules, account, namespace }: Grant): Manifest[] {
  const apiGroup = 'rbac.authorization.k8s.io';
  const kind = namespace === undefined ? 'ClusterRole' : 'Role';
  const metadata = { name, labels, ...(namespace === undefined ? {} : { namespace }) };
  return [
    { apiVersion: `${apiGroup}/v1`, kind, metadata, rules },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: `${kind}Binding`,
      metadata,
      roleRef: { apiGroup, kind, name },
      subjects: [{ kind: 'ServiceAccount', name: account.name, namespace: account.namespace }],
    },
  ];
}

/** A service account, with pull secrets where the installation has them. */
export function serviceAccount(
  metadata: { name: string; namespace: string; labels: Labels; annotations?: JsonObject },
  imagePullSecrets?: readonly JsonObject[],
): Manifest {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata, ...(imagePullSecrets ? { imagePullSecrets } : {}) };
}
