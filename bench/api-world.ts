// Objects of the measured mesh in a real cluster. They are made so that the cluster's own controllers leave them alone.
import { ApiError, isNotFound } from '../src/k8s/api-error.ts';
import { loadKubeconfig } from '../src/k8s/kubeconfig.ts';
import { type ApiClient, createApiClient } from '../src/k8s/rest.ts';
import type { KubernetesObject } from '../src/kinds/object.ts';
import { kindOf } from '../src/kinds/registry.ts';
import { monotonic, type World } from './world.ts';

type ObjectMeta = NonNullable<KubernetesObject['metadata']>;

/** On every namespace that is made here, so that it can be found again. */
const LABEL = 'isthmus-bench';
const PARALLEL = 8;
const GONE_SECONDS = 600;
const APPLY = { contentType: 'application/apply-patch+yaml', query: { fieldManager: 'isthmus-bench', force: true } };

/** Opens an API server. Rejects when the kubeconfig is of no use, or when it knows no Istio objects. */
export async function apiWorld(kubeconfig: string, context: string | undefined): Promise<World> {
  const { access, problems } = await loadKubeconfig(kubeconfig, context);
  if (!access) throw new Error(`${kubeconfig}: ${problems.map(({ message }) => message).join(' ')}`);
  const client = createApiClient({ cluster: 'bench', access });
  await client.request({ path: '/apis/networking.istio.io/v1' }).catch((error: unknown) => {
    throw new Error('the cluster has no Istio CRDs: apply src/gen/crds.yaml first', { cause: error });
  });
  const clusterIp = await serviceAddresses(client);
  const accounts = new Set<string>();
  const made = new Set(await labelled(client));
  // A run that was broken off has left them.
  await removeNamespaces(client, made);

  async function put(object: KubernetesObject): Promise<void> {
    if (object.kind === 'Node') return;
    if (object.kind === 'Pod') await account(object);
    if (object.kind === 'Namespace' && object.metadata!.name !== 'istio-system') made.add(object.metadata!.name!);
    const path = pathOf(object);
    await client.request({ method: 'PATCH', path, ...APPLY, body: tame(object, clusterIp) });
    if (object.kind !== 'Pod') return;
    const { apiVersion, kind, metadata, status } = object as KubernetesObject & { status: object };
    const { name, namespace } = metadata!;
    const body = { apiVersion, kind, metadata: { name, namespace }, status };
    await client.request({ method: 'PATCH', path: `${path}/status`, ...APPLY, body });
  }

  /** A pod is refused while its service account does not exist. */
  async function account(pod: KubernetesObject): Promise<void> {
    const name = (pod.spec as { serviceAccountName: string }).serviceAccountName;
    const { namespace } = pod.metadata!;
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`;
    if (accounts.has(path)) return;
    accounts.add(path);
    const body = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } };
    await client.request({ method: 'PATCH', path, ...APPLY, body });
  }

  return {
    async put({ objects, before = [] }) {
      for (const object of before) await put(object);
      const at = monotonic();
      const [first, ...rest] = objects;
      // Pods of one service share its account, which the first of them makes.
      if (first) await put(first);
      if (rest[0]) await put(rest[0]);
      for (let i = 1; i < rest.length; i += PARALLEL) await Promise.all(rest.slice(i, i + PARALLEL).map(put));
      return at;
    },
    async remove({ objects }) {
      const at = monotonic();
      for (const object of objects) await client.request({ method: 'DELETE', path: pathOf(object) });
      return at;
    },
    clusterIp,
    async clean() {
      await removeNamespaces(client, made);
      client[Symbol.dispose]();
    },
  };
}

async function labelled(client: ApiClient): Promise<string[]> {
  const query = { labelSelector: `${LABEL}=true` };
  const { items } = await client.request<{ items: { metadata: { name: string } }[] }>({
    path: '/api/v1/namespaces',
    query,
  });
  return items.map(({ metadata }) => metadata.name);
}

/** Resolves when they are gone: a namespace that is going takes no new objects. */
async function removeNamespaces(client: ApiClient, names: Set<string>): Promise<void> {
  const paths = [...names].map((name) => `/api/v1/namespaces/${name}`);
  for (const path of paths) await client.request({ method: 'DELETE', path });
  for (const path of paths) await gone(client, path);
  names.clear();
}

async function gone(client: ApiClient, path: string): Promise<void> {
  for (let i = 0; i < GONE_SECONDS; i++) {
    const there = await client.request({ path }).then(
      () => true,
      (error: unknown) => !(error instanceof ApiError && isNotFound(error)),
    );
    if (!there) return;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  throw new Error(`${path} is still there after ${GONE_SECONDS} s`);
}

/** Addresses of this cluster's range, which must be at least a /16, away from those that it hands out first. */
async function serviceAddresses(client: ApiClient): Promise<(given: string) => string> {
  const path = '/api/v1/namespaces/default/services/kubernetes';
  const { spec } = await client.request<{ spec: { clusterIP: string } }>({ path });
  const network = spec.clusterIP.split('.').slice(0, 2).join('.');
  return (given) => {
    const [third, fourth] = given.split('.').slice(2).map(Number);
    return `${network}.${third! + 16}.${fourth}`;
  };
}

function pathOf(object: KubernetesObject): string {
  const kind = kindOf(object.apiVersion, object.kind ?? '');
  if (!kind) throw new Error(`${object.kind}: not a kind that the mesh reads`);
  const group = object.apiVersion!.includes('/') ? `/apis/${object.apiVersion}` : `/api/${object.apiVersion}`;
  const namespace = kind.namespaced ? `/namespaces/${object.metadata!.namespace}` : '';
  return `${group}${namespace}/${kind.plural}/${object.metadata!.name}`;
}

/** Pods are never scheduled and have no owner that does not exist; Services have no selector, so that nobody else makes their endpoints. */
function tame(object: KubernetesObject, clusterIp: (given: string) => string): object {
  const { status: _, ...rest } = object as KubernetesObject & { status?: unknown };
  const { uid: _uid, resourceVersion: _version, ownerReferences: _owners, ...metadata } = rest.metadata!;
  const spec = rest.spec as Record<string, unknown> | undefined;
  if (object.kind === 'Pod') {
    const { nodeName: _node, ...own } = spec!;
    return { ...rest, metadata, spec: { ...own, schedulerName: LABEL } };
  }
  if (object.kind === 'Service') {
    const { selector: _selector, clusterIPs: _ips, ...own } = spec!;
    return { ...rest, metadata: unproxied(metadata), spec: { ...own, clusterIP: clusterIp(String(own.clusterIP)) } };
  }
  if (object.kind === 'EndpointSlice') return { ...rest, metadata: unproxied(metadata) };
  // Nobody may take the control plane's own namespace for one of ours.
  if (object.kind === 'Namespace' && metadata.name !== 'istio-system')
    return { ...rest, metadata: { ...metadata, labels: { ...metadata.labels, [LABEL]: 'true' } } };
  return { ...rest, metadata };
}

/** kube-proxy leaves alone what has this label: it would take as much of the cores as what is measured. */
function unproxied(metadata: ObjectMeta): ObjectMeta {
  return { ...metadata, labels: { ...metadata.labels, 'service.kubernetes.io/service-proxy-name': LABEL } };
}
