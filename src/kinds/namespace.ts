// Kubernetes Namespace.
import { coreKind } from './core-kind.ts';
import { readMeta } from './meta.ts';
import type { Meta } from './object.ts';

export interface NamespaceValue {
  readonly meta: Meta;
}

export const namespaceKind = coreKind<NamespaceValue>({
  id: 'namespace',
  group: '',
  versions: ['v1'],
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
  read: (raw) => ({ meta: readMeta(raw) }),
});
