// Turns Secrets labelled istio/multiCluster=true into clusters to watch. Pure bookkeeping: what should be, and what is wrong.
import type { ApiAccess } from '../k8s/access.ts';
import { parseKubeconfig } from '../k8s/kubeconfig.ts';
import type { KubernetesObject } from '../kinds/object.ts';
import type { Problem } from '../model/problem.ts';
import type { ObjectRef } from '../model/service.ts';

export interface RemoteCluster {
  readonly id: string;
  /** `namespace/name` of the Secret. */
  readonly secret: string;
  readonly access: ApiAccess;
  /** Changes exactly when the kubeconfig does. */
  readonly fingerprint: string;
}

export interface RemoteSecretsOptions {
  readonly configCluster: string;
  readonly allowExec: boolean;
}

export interface RemoteSecrets {
  /** Takes one Secret as it is now. */
  apply(secret: KubernetesObject): void;
  remove(namespace: string, name: string): void;
  /** Clusters that should be watched, by id. */
  readonly clusters: ReadonlyMap<string, RemoteCluster>;
  readonly problems: readonly Problem[];
}

export const REMOTE_SECRET_SELECTOR = 'istio/multiCluster=true';

interface Known {
  readonly created: string;
  readonly clusters: readonly RemoteCluster[];
  readonly problems: readonly Problem[];
}

/** Follows remote secrets. Of two Secrets for one cluster the older is used, and the other is reported. */
export function createRemoteSecrets({ configCluster, allowExec }: RemoteSecretsOptions): RemoteSecrets {
  const secrets = new Map<string, Known>();
  let clusters = new Map<string, RemoteCluster>();
  let problems: Problem[] = [];

  const decide = (): void => {
    const next = new Map<string, RemoteCluster>();
    problems = [];
    const oldestFirst = [...secrets].sort(([a, x], [b, y]) => compare(x.created, y.created) || compare(a, b));
    for (const [, known] of oldestFirst) {
      problems.push(...known.problems);
      for (const cluster of known.clusters) {
        const first = next.get(cluster.id);
        if (first) problems.push(duplicate(cluster, first, configCluster));
        else next.set(cluster.id, cluster);
      }
    }
    clusters = next;
  };

  return {
    apply(object) {
      const namespace = object.metadata?.namespace ?? '';
      const name = object.metadata?.name ?? '';
      const key = `${namespace}/${name}`;
      const ref = refTo(configCluster, namespace, name);
      const clusters: RemoteCluster[] = [];
      const wrong: Problem[] = [];
      const data = contents(object);
      if (!data.size) {
        const message = 'The remote secret has no data; expected a key named after the cluster with its kubeconfig.';
        wrong.push(bad('remote-secret-empty', 'data', message, ref));
      }
      for (const [id, text] of data) {
        if (id === configCluster) {
          const message = `The remote secret is for cluster "${id}", which is this control plane's own cluster; delete it, or give the other cluster its own name.`;
          wrong.push(bad('remote-secret-self', `data.${id}`, message, ref));
          continue;
        }
        const { access, problems: found } = parseKubeconfig(text, { allowExec });
        wrong.push(
          ...found.map((problem) => ({
            ...problem,
            path: [`data.${id}`, problem.path].filter(Boolean).join(': '),
            object: ref,
          })),
        );
        // A broken edit takes nothing away: what was good goes on until the secret is right again, or gone.
        const last = secrets.get(key)?.clusters.find((cluster) => cluster.id === id);
        const cluster = access ? { id, secret: key, access, fingerprint: text } : last;
        if (cluster) clusters.push(cluster);
      }
      secrets.set(key, { created: String(object.metadata?.creationTimestamp ?? ''), clusters, problems: wrong });
      decide();
    },
    remove(namespace, name) {
      if (secrets.delete(`${namespace}/${name}`)) decide();
    },
    get clusters() {
      return clusters;
    },
    get problems() {
      return problems;
    },
  };
}

function contents(object: KubernetesObject): Map<string, string> {
  const { data, stringData } = object as { data?: Record<string, string>; stringData?: Record<string, string> };
  const result = new Map<string, string>();
  for (const [key, value] of Object.entries(data ?? {}))
    result.set(key, Buffer.from(String(value), 'base64').toString('utf8'));
  for (const [key, value] of Object.entries(stringData ?? {})) result.set(key, String(value));
  return result;
}

function duplicate(cluster: RemoteCluster, first: RemoteCluster, configCluster: string): Problem {
  const [namespace = '', name = ''] = cluster.secret.split('/');
  return bad(
    'remote-secret-duplicate',
    `data.${cluster.id}`,
    `Cluster "${cluster.id}" is already defined by the older secret ${first.secret}, which is used; delete one of the two.`,
    refTo(configCluster, namespace, name),
  );
}

function refTo(cluster: string, namespace: string, name: string): ObjectRef {
  return { cluster, kind: 'Secret', namespace, name };
}

function bad(code: string, path: string, message: string, object: ObjectRef): Problem {
  return { code, severity: 'error', path, message, object };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
