// Kubernetes ConfigMap.
import { coreKind, record } from './core-kind.ts';
import { readMeta, text } from './meta.ts';
import type { Labels, Meta } from './object.ts';

export interface ConfigMapValue {
  readonly meta: Meta;
  readonly data: Labels;
}

export const configMapKind = coreKind<ConfigMapValue>({
  id: 'configMap',
  group: '',
  versions: ['v1'],
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
  from: 'config',
  read: (raw) => ({
    meta: readMeta(raw),
    data: Object.fromEntries(Object.entries(record(raw.data)).map(([k, v]) => [k, text(v)])),
  }),
});
