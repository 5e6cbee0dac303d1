// Takes an installation out of a cluster: one revision, or everything.
import { nameOf, remove } from '../../k8s/apply.ts';
import type { ApiClient } from '../../k8s/rest.ts';
import { COMPONENT_LABEL, REVISION_LABEL } from '../installation.ts';
import { type Manifest, objectAt } from '../json.ts';
import { ownedObjects } from './owned.ts';

export interface UninstallOptions {
  readonly api: ApiClient;
  /** Only this revision, without what revisions share; everything, CRDs included, when absent. */
  readonly revision?: string;
  readonly signal?: AbortSignal;
}

/** The objects that would go, in the order in which they go: webhooks first, so that no pod is held up by a dead one. */
export async function planUninstall({ api, revision, signal }: UninstallOptions): Promise<Manifest[]> {
  if (revision !== undefined) {
    const labels = { [REVISION_LABEL]: revision || 'default' };
    const owned = await ownedObjects({ api, labels, without: ['CustomResourceDefinition'], signal });
    return owned.filter((object) => objectAt(object, 'metadata.labels')[COMPONENT_LABEL] !== 'Base').toReversed();
  }
  const owned = await ownedObjects({ api, signal });
  const roots = await api.request<{ items: Manifest[] }>({
    path: '/api/v1/configmaps',
    query: { fieldSelector: 'metadata.name=istio-ca-root-cert' },
    signal,
  });
  const published = roots.items.map((item) => ({ ...item, apiVersion: 'v1', kind: 'ConfigMap' }));
  return [...owned.toReversed(), ...published];
}

/** Deletes one after another; `onRemoved` hears of each. Rejects with ApiError. */
export async function uninstall(
  { api, signal }: UninstallOptions,
  objects: readonly Manifest[],
  onRemoved: (object: string) => void,
): Promise<void> {
  for (const object of objects) if (await remove(api, object, { signal })) onRemoved(nameOf(object));
}
