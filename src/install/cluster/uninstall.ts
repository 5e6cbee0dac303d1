// Takes an installation out of a cluster: one revision, or everything.
import { kindByKind, nameOf, remove } from '../../k8s/apply.ts';
import type { ApiClient } from '../../k8s/rest.ts';
import { COMPONENT_LABEL, OWNER_NAMESPACE_LABEL, REVISION_LABEL } from '../installation.ts';
import { type Manifest, objectAt } from '../json.ts';
import { ROOT_CERT } from '../objects/base.ts';
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
  const namespaces = new Set(
    owned.map((object) => String(objectAt(object, 'metadata.labels')[OWNER_NAMESPACE_LABEL] ?? '')),
  );
  const [roots, ...leases] = await Promise.all([
    listed(api, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      path: '/api/v1/configmaps',
      fieldSelector: `metadata.name=${ROOT_CERT}`,
      signal,
    }),
    ...[...namespaces].filter(Boolean).map((namespace) =>
      listed(api, {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        path: `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`,
        signal,
      }),
    ),
  ]);
  const elections = leases.flat().filter(({ metadata }) => /^istio-.*-election(-|$)/.test(metadata.name));
  return [...owned.toReversed(), ...elections, ...roots];
}

interface ListOptions {
  readonly apiVersion: string;
  readonly kind: string;
  readonly path: string;
  readonly fieldSelector?: string;
  readonly signal?: AbortSignal;
}

/** Items of a list, each with its kind, which lists leave out. */
async function listed(
  api: ApiClient,
  { apiVersion, kind, path, fieldSelector, signal }: ListOptions,
): Promise<Manifest[]> {
  const { items } = await api.request<{ items: Manifest[] }>({ path, query: { fieldSelector }, signal });
  return items.map((item) => ({ ...item, apiVersion, kind }));
}

/** Names (`namespace/pod`) of pods whose proxy belongs to the revision; of any revision when none is given. */
export async function dependentPods({ api, revision, signal }: UninstallOptions): Promise<string[]> {
  const pods = await api.request<{ items: Manifest[] }>({
    path: '/api/v1/pods',
    // Names and annotations are all that is needed of what may be many thousand pods.
    accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    signal,
  });
  return pods.items.flatMap(({ metadata }) => {
    const annotations = objectAt(metadata, 'annotations');
    if (annotations['sidecar.istio.io/status'] === undefined) return [];
    const own = annotations[REVISION_LABEL] ?? 'default';
    return revision === undefined || own === (revision || 'default') ? [`${metadata.namespace}/${metadata.name}`] : [];
  });
}

/** Deletes kind after kind; `onRemoved` hears of each object. Rejects with ApiError. */
export async function uninstall(
  { api, signal }: UninstallOptions,
  objects: readonly Manifest[],
  onRemoved: (object: string) => void,
): Promise<void> {
  await kindByKind(objects, async (object) => {
    if (await remove(api, object, { signal })) onRemoved(nameOf(object));
  });
}
