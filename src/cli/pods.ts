// Finding the pod that a command line means, and the control planes to ask.

import { fetchFromPod } from '../k8s/port-forward.ts';
import type { KubernetesObject } from '../kinds/object.ts';
import { CliError } from './errors.ts';
import type { Cluster, GlobalFlags } from './kube.ts';

export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

interface PodList {
  readonly items: readonly KubernetesObject[];
}

const SELECTED: Readonly<Record<string, string>> = {
  deploy: 'deployments',
  deployment: 'deployments',
  deployments: 'deployments',
  sts: 'statefulsets',
  statefulset: 'statefulsets',
  ds: 'daemonsets',
  daemonset: 'daemonsets',
};

/** `pod`, `pod.namespace`, `pod/name` or `deployment/name[.namespace]` → a pod. Rejects with CliError. */
export async function findPod(cluster: Cluster, text: string, flags: GlobalFlags): Promise<PodName> {
  const [kind, rest] = text.includes('/') ? (text.split('/', 2) as [string, string]) : ['pod', text];
  const fallback = flags.namespace || cluster.access.namespace || 'default';
  const plural = SELECTED[kind];
  if (plural) return podOfWorkload(cluster, { plural, ...splitName(rest, fallback, flags), kind });
  if (!['pod', 'pods', 'po'].includes(kind))
    throw new CliError(`"${text}": expected a pod (name or name.namespace), or deployment/name`);
  return splitName(rest, fallback, flags);
}

/** An explicit -n means that the dots belong to the name. */
function splitName(text: string, fallback: string, flags: GlobalFlags): PodName {
  const dot = text.lastIndexOf('.');
  if (dot < 0 || flags.namespace) return { name: text, namespace: fallback };
  return { name: text.slice(0, dot), namespace: text.slice(dot + 1) };
}

async function podOfWorkload(cluster: Cluster, target: PodName & { plural: string; kind: string }): Promise<PodName> {
  const { namespace, name, plural } = target;
  const path = `/apis/apps/v1/namespaces/${namespace}/${plural}/${name}`;
  const workload = await cluster.api.request<{ spec?: { selector?: { matchLabels?: Record<string, string> } } }>({
    path,
  });
  const labels = workload.spec?.selector?.matchLabels ?? {};
  const labelSelector = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const pods = await cluster.api.request<PodList>({
    path: `/api/v1/namespaces/${namespace}/pods`,
    query: { labelSelector, fieldSelector: 'status.phase=Running' },
  });
  const found = pods.items[0]?.metadata?.name;
  if (!found) throw new CliError(`${target.kind}/${name} in namespace ${namespace} has no running pod`);
  return { namespace, name: found };
}

export interface DebugAnswer {
  /** Name of the control plane's pod. */
  readonly istiod: string;
  readonly body: string;
}

/** Asks every running control plane of the cluster for a debug page. Rejects with CliError when there is none. */
export async function askControlPlanes(
  cluster: Cluster,
  page: string,
  flags: GlobalFlags & { revision?: string },
): Promise<DebugAnswer[]> {
  const namespace = flags.istioNamespace ?? 'istio-system';
  const revision = flags.revision ? `,istio.io/rev=${flags.revision}` : '';
  const pods = await cluster.api.request<PodList>({
    path: `/api/v1/namespaces/${namespace}/pods`,
    query: { labelSelector: `app=istiod${revision}`, fieldSelector: 'status.phase=Running' },
  });
  const names = pods.items.filter((pod) => !pod.metadata?.deletionTimestamp).map((pod) => pod.metadata?.name ?? '');
  if (!names.length) {
    throw new CliError(
      `cluster ${cluster.context} runs no control plane in namespace ${namespace}; choose the primary cluster with --context, or another namespace with -i`,
    );
  }
  const answers = await Promise.allSettled(
    names.map(async (istiod) => ({
      istiod,
      body: await fetchFromPod({
        access: cluster.access,
        cluster: cluster.context,
        namespace,
        pod: istiod,
        port: 15014,
        path: `/debug/${page}`,
      }),
    })),
  );
  const failed = answers.filter((answer) => answer.status === 'rejected');
  if (failed.length === answers.length) throw failed[0]!.reason;
  // One that cannot be asked must not hide what the others know.
  for (const { reason } of failed) console.error(`Warning: ${(reason as Error).message}`);
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
}
