// The kinds of Kubernetes itself that the control plane reads or writes.
import type { ResourceKind } from './object.ts';

const core = (kind: string, plural: string, namespaced = true): ResourceKind => ({
  apiVersion: 'v1',
  kind,
  plural,
  namespaced,
});

export const NAMESPACE = core('Namespace', 'namespaces', false);
export const CONFIG_MAP = core('ConfigMap', 'configmaps');
export const SECRET = core('Secret', 'secrets');
export const POD = core('Pod', 'pods');
export const LEASE: ResourceKind = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};
export const MUTATING_WEBHOOK: ResourceKind = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  namespaced: false,
};
export const VALIDATING_WEBHOOK: ResourceKind = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  plural: 'validatingwebhookconfigurations',
  namespaced: false,
};
