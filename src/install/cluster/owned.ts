// Finds what installations have made in a cluster, by the labels every object carries.

import { isNotFound } from '../../k8s/api-error.ts';
import { INSTALLED_KINDS } from '../../k8s/apply.ts';
import { resourcePath } from '../../k8s/object.ts';
import type { ApiClient } from '../../k8s/rest.ts';
import { MANAGER, MANAGER_LABEL } from '../installation.ts';
import type { Manifest } from '../json.ts';
import { SLICE_MANAGER } from '../objects/remote.ts';

export interface OwnedOptions {
  readonly api: ApiClient;
  /** Further labels that must match exactly. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Kinds to leave out. */
  readonly without?: readonly string[];
  readonly signal?: AbortSignal;
}

/** All objects that this program installed and that carry the labels, in apply order. Rejects with ApiError. */
export async function ownedObjects({ api, labels = {}, without = [], signal }: OwnedOptions): Promise<Manifest[]> {
  const wanted = { [MANAGER_LABEL]: MANAGER, ...labels };
  const labelSelector = Object.entries(wanted)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const lists = await Promise.all(
    INSTALLED_KINDS.filter(({ kind }) => kind !== 'Namespace' && !without.includes(kind)).map(async (resource) => {
      const { apiVersion, kind } = resource;
      const list = await api
        .request<{ items: Manifest[] }>({ path: resourcePath(resource), query: { labelSelector }, signal })
        .catch((error: unknown) => {
          if (isNotFound(error)) return { items: [] };
          throw error;
        });
      return list.items
        .filter((item) => kind !== 'EndpointSlice' || isOurSlice(item))
        .map((item) => ({ ...item, apiVersion, kind }));
    }),
  );
  return lists.flat();
}

/** Kubernetes copies a Service's labels to the slices it manages itself; those are not ours. */
function isOurSlice(slice: Manifest): boolean {
  const labels = slice.metadata.labels as Record<string, string> | undefined;
  return labels?.['endpointslice.kubernetes.io/managed-by'] === SLICE_MANAGER;
}
