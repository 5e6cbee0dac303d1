// Watches exactly the clusters that have a usable remote secret: starts, restarts and stops them as secrets come, change and go.
import type { KubernetesObject } from '../kinds/object.ts';
import type { Clusters } from './clusters.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { ProblemBook } from './problem-book.ts';
import { createRemoteSecrets } from './remote-secrets.ts';

export interface RemoteClustersOptions {
  readonly clusters: Clusters;
  readonly configCluster: string;
  readonly allowExec: boolean;
  readonly problems: ProblemBook;
  readonly metrics: Metrics;
  readonly log: Log;
}

export interface RemoteClusters {
  applySecret(secret: KubernetesObject): void;
  removeSecret(namespace: string, name: string): void;
}

const SOURCE = 'remote secrets';

/** Makes the bookkeeper; `clusters` is what it starts and stops. */
export function createRemoteClusters(options: RemoteClustersOptions): RemoteClusters {
  const { clusters, metrics, log, problems } = options;
  const secrets = createRemoteSecrets(options);
  const running = new Map<string, string>();

  const reconcile = (): void => {
    const wanted = secrets.clusters;
    for (const id of [...running.keys()]) {
      if (wanted.has(id)) continue;
      running.delete(id);
      log.info(`cluster ${id} is no longer watched`, { cluster: id });
      clusters.remove(id);
    }
    for (const [id, { secret, access, fingerprint }] of wanted) {
      const before = running.get(id);
      if (before === fingerprint) continue;
      running.set(id, fingerprint);
      const verb = before === undefined ? 'watching' : 'new kubeconfig: watching';
      log.info(`${verb} cluster ${id} at ${access.server}`, { cluster: id, secret });
      if (before === undefined) clusters.add({ id, secret, access });
      else clusters.update({ id, secret, access });
    }
    problems.set(SOURCE, secrets.problems);
    metrics.remoteSecretProblems.reset();
    for (const { object, code } of secrets.problems) {
      metrics.remoteSecretProblems.set({ secret: `${object?.namespace}/${object?.name}`, code }, 1);
    }
    metrics.remoteClusters.set({ cluster_type: 'remote' }, running.size);
    metrics.remoteClusters.set({ cluster_type: 'local' }, 1);
  };

  return {
    applySecret(secret) {
      secrets.apply(secret);
      reconcile();
    },
    removeSecret(namespace, name) {
      secrets.remove(namespace, name);
      reconcile();
    },
  };
}
