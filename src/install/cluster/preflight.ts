// Whether a cluster can take an installation at all: its version, our rights, and who else is there.
import { kindOf, read } from '../../k8s/apply.ts';
import type { ApiClient } from '../../k8s/rest.ts';
import type { Component } from '../generate.ts';
import { clusterName, type Installation, istiodHost, MANAGER, MANAGER_LABEL } from '../installation.ts';
import { listAt, type Manifest, objectAt, textAt } from '../json.ts';
import { badClusterName } from '../remote-secret.ts';

/** Server-side apply, EndpointSlices and native sidecars: the oldest minor version that has all we use. */
export const OLDEST_KUBERNETES = 29;

export interface PreflightOptions {
  readonly api: ApiClient;
  readonly installation: Installation;
  readonly components: readonly Component[];
  readonly signal?: AbortSignal;
}

/** Reasons why the installation must not start; empty when it may. Each is one sentence with a next step. */
export async function preflight({ api, installation, components, signal }: PreflightOptions): Promise<string[]> {
  const objects = components.flatMap((component) => component.objects);
  const nameless = unusablePath(installation, objects);
  if (nameless) return [nameless];
  const old = await tooOld(api, signal);
  if (old) return [old];
  const [rights, stranger] = await Promise.all([
    missingRights({ api, objects, signal }),
    foreignControlPlane({ api, installation, objects, signal }),
  ]);
  return [...rights, ...stranger];
}

/** A remote cluster's webhook names the cluster in its path, where API servers take lower-case names only. */
function unusablePath(installation: Installation, objects: readonly Manifest[]): string | undefined {
  const paths = objects
    .filter(({ kind }) => kind === 'MutatingWebhookConfiguration')
    .flatMap((object) => listAt(object, 'webhooks').map((hook) => textAt(hook, 'clientConfig.service.path')));
  const bad = paths.flatMap((path) => path.split('/').slice(1)).find((word) => badClusterName(word) !== undefined);
  if (bad === undefined) return undefined;
  const [name, network] = [clusterName(installation), textAt(installation.values, 'global.network')];
  if (bad === encodeURIComponent(name)) {
    const value = textAt(installation.values, 'global.multiCluster.clusterName');
    return `values.global.multiCluster.clusterName ${value ? `is "${value}"` : 'is missing'}: give this cluster the name that its remote secret has (istioctl create-remote-secret --name), in lower-case letters, digits, '-' and '.'.`;
  }
  const what = bad === encodeURIComponent(network) ? 'values.global.network' : 'values.istiodRemote.injectionPath';
  return `${what}: "${decodeURIComponent(bad)}" cannot be part of a webhook's path; use lower-case letters, digits, '-' and '.'.`;
}

async function tooOld(api: ApiClient, signal?: AbortSignal): Promise<string | undefined> {
  const version = await api.request<{ major: string; minor: string; gitVersion: string }>({ path: '/version', signal });
  const minor = Number.parseInt(version.minor, 10);
  if (Number(version.major) > 1 || minor >= OLDEST_KUBERNETES) return undefined;
  return `Kubernetes ${version.gitVersion} is too old: this mesh needs 1.${OLDEST_KUBERNETES} or later; upgrade the cluster first.`;
}

interface RightsOptions {
  readonly api: ApiClient;
  readonly objects: readonly Manifest[];
  readonly signal?: AbortSignal;
}

/** Asks the API server about every kind and namespace that will be written (SelfSubjectAccessReview). */
async function missingRights({ api, objects, signal }: RightsOptions): Promise<string[]> {
  const asked = new Map<string, { group: string; resource: string; namespace: string }>();
  for (const object of objects) {
    const { apiVersion, plural, namespaced } = kindOf(object);
    const namespace = namespaced ? (object.metadata.namespace ?? '') : '';
    const group = apiVersion.includes('/') ? apiVersion.split('/')[0]! : '';
    asked.set(`${group}/${plural}/${namespace}`, { group, resource: plural, namespace });
  }
  const questions = [...asked.values()].flatMap((what) => ['create', 'patch'].map((verb) => ({ ...what, verb })));
  const answers = await Promise.all(
    questions.map(async (resourceAttributes) => {
      const review = await api.request<{ status?: { allowed?: boolean } }>({
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          spec: { resourceAttributes },
        },
        signal,
      });
      return { ...resourceAttributes, allowed: review.status?.allowed === true };
    }),
  );
  return answers
    .filter(({ allowed }) => !allowed)
    .map(({ verb, resource, group, namespace }) => {
      const place = namespace ? `in namespace ${namespace}` : 'at cluster scope';
      const what = group ? `${resource}.${group}` : resource;
      return `You may not ${verb} ${what} ${place}; ask for a role that allows it (cluster-admin does) or use another --context.`;
    });
}

/** Another product's istiod under the same name would be overwritten field by field and then answer for both. */
async function foreignControlPlane({
  api,
  installation,
  objects,
  signal,
}: RightsOptions & { readonly installation: Installation }): Promise<string[]> {
  const { name, namespace } = istiodHost(installation);
  const own = objects.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name);
  const found = own && (await read<Manifest>(api, own, signal));
  const by = found && objectAt(found, 'metadata.labels')[MANAGER_LABEL];
  if (!found || by === MANAGER) return [];
  return [
    `Deployment ${namespace}/${name} is there already and was installed by ${by ?? 'something else'}, not by this program; ` +
      'uninstall it first, install beside it with --revision, or take it over with --force.',
  ];
}
