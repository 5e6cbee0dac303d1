// Keeps the mesh's trust anchors in ConfigMap `istio-ca-root-cert` of every namespace of every cluster.
import { isConflict, isNotFound } from '../k8s/api-error.ts';
import { resourcePath } from '../k8s/object.ts';
import { CONFIG_MAP } from '../k8s/resources.ts';
import type { ApiClient } from '../k8s/rest.ts';
import type { KubernetesObject, ObjectName } from '../kinds/object.ts';
import type { Clock } from '../lib/clock.ts';
import type { WatchedKind } from './cluster-watch.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { createWorkQueue, type WorkQueue } from './work-queue.ts';

export const ROOT_CONFIG_MAP = 'istio-ca-root-cert';
const ROOT_KEY = 'root-cert.pem';

/** What must be watched for it beside namespaces. */
export const ROOT_WATCH: WatchedKind = {
  resource: CONFIG_MAP,
  fieldSelector: `metadata.name=${ROOT_CONFIG_MAP}`,
  optional: true,
};

export interface RootPublisherOptions {
  readonly root: () => string;
  readonly client: (cluster: string) => ApiClient | undefined;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
}

export interface RootPublisher extends Disposable {
  /** Takes every object of every cluster; namespaces and the ConfigMap matter. */
  apply(cluster: string, object: KubernetesObject): void;
  remove(cluster: string, name: ObjectName): void;
  removeCluster(cluster: string): void;
  /** The root has changed: everything must be looked at again. */
  refresh(): void;
  /** Writes only while this process leads. */
  lead(signal: AbortSignal): void;
}

interface Seen {
  readonly namespaces: Set<string>;
  /** Content by namespace; absent where there is no ConfigMap. */
  readonly roots: Map<string, string>;
}

export function createRootPublisher(options: RootPublisherOptions): RootPublisher {
  const { metrics, log } = options;
  const clusters = new Map<string, Seen>();
  /** One queue a cluster, so that a slow API server holds up only itself. */
  const queues = new Map<string, WorkQueue>();
  let leading = false;

  const seenOf = (cluster: string): Seen => {
    let seen = clusters.get(cluster);
    if (!seen) {
      seen = { namespaces: new Set(), roots: new Map() };
      clusters.set(cluster, seen);
    }
    return seen;
  };
  const right = (cluster: string, namespace: string): boolean => {
    const seen = clusters.get(cluster);
    return !seen?.namespaces.has(namespace) || seen.roots.get(namespace) === options.root();
  };
  const check = (cluster: string, namespace: string): void => {
    if (!leading || right(cluster, namespace)) return;
    let queue = queues.get(cluster);
    if (!queue) {
      queue = createWorkQueue({
        clock: options.clock,
        work: (key, signal) => write(cluster, key, signal),
        onError: (error, key) => {
          metrics.rootsWritten.inc({ cluster, result: 'error' });
          log.warn(`cannot write ConfigMap ${key}/${ROOT_CONFIG_MAP}`, { cluster, error });
        },
      });
      queues.set(cluster, queue);
    }
    queue.add(namespace);
  };
  const checkAll = (): void => {
    for (const [cluster, { namespaces }] of clusters) for (const namespace of namespaces) check(cluster, namespace);
  };

  async function write(cluster: string, namespace: string, signal: AbortSignal): Promise<void> {
    const client = options.client(cluster);
    if (!client || !leading || right(cluster, namespace)) return;
    const root = options.root();
    const body = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: ROOT_CONFIG_MAP, namespace, labels: { 'istio.io/config': 'true' } },
      data: { [ROOT_KEY]: root },
    };
    const exists = seenOf(cluster).roots.has(namespace);
    try {
      if (exists) {
        const contentType = 'application/merge-patch+json';
        const path = resourcePath(CONFIG_MAP, namespace, ROOT_CONFIG_MAP);
        await client.request({ method: 'PATCH', path, body: { data: body.data }, contentType, signal });
      } else {
        await client.request({ method: 'POST', path: resourcePath(CONFIG_MAP, namespace), body, signal });
      }
    } catch (error) {
      // The watch will tell what is there now, or that the namespace is gone.
      if (isConflict(error) || isNotFound(error)) return;
      const terminating = error instanceof Error && /being terminated/.test(error.message);
      if (terminating) return;
      throw error;
    }
    metrics.rootsWritten.inc({ cluster, result: 'ok' });
    log.debug(`wrote ConfigMap ${namespace}/${ROOT_CONFIG_MAP}`, { cluster });
  }

  return {
    apply(cluster, object) {
      const { name = '', namespace = '', deletionTimestamp } = object.metadata ?? {};
      if (object.kind === 'Namespace') {
        if (deletionTimestamp) seenOf(cluster).namespaces.delete(name);
        else seenOf(cluster).namespaces.add(name);
        check(cluster, name);
      } else if (object.kind === 'ConfigMap' && name === ROOT_CONFIG_MAP) {
        const { data } = object as { data?: Record<string, string> };
        seenOf(cluster).roots.set(namespace, data?.[ROOT_KEY] ?? '');
        check(cluster, namespace);
      }
    },
    remove(cluster, { kind, namespace, name }) {
      if (kind === 'Namespace') seenOf(cluster).namespaces.delete(name);
      else if (kind === 'ConfigMap' && name === ROOT_CONFIG_MAP) {
        seenOf(cluster).roots.delete(namespace);
        check(cluster, namespace);
      }
    },
    removeCluster(cluster) {
      queues.get(cluster)?.[Symbol.dispose]();
      queues.delete(cluster);
      clusters.delete(cluster);
    },
    refresh: checkAll,
    lead(signal) {
      leading = true;
      signal.addEventListener('abort', () => {
        leading = false;
      });
      checkAll();
    },
    [Symbol.dispose]() {
      leading = false;
      for (const queue of queues.values()) queue[Symbol.dispose]();
      queues.clear();
    },
  };
}
