// Changes of objects on their way into the mesh: the newest per object, applied together as soon as the event loop is free.
import type { KubernetesObject, ObjectName } from '../kinds/object.ts';

/** The part of the mesh that takes changes. */
export interface ChangeTarget {
  apply(cluster: string, object: KubernetesObject): void;
  remove(cluster: string, name: ObjectName): void;
  removeCluster(cluster: string): void;
}

export interface ChangeQueueOptions {
  readonly target: ChangeTarget;
  /** Runs several writes as one change. */
  readonly batch: (writes: () => void) => void;
  /** Longest time to write before others get a turn. */
  readonly sliceMs?: number;
  readonly schedule?: (run: () => void) => void;
  readonly now?: () => number;
  /** A write that throws is a defect of ours; the object is skipped and everything else goes on. */
  readonly onError: (error: unknown, object: string) => void;
}

export interface ChangeQueue extends ChangeTarget {
  /** Resolves when everything queued so far has been applied. */
  settled(): Promise<void>;
  readonly length: number;
}

interface Change {
  readonly cluster: string;
  readonly name: string;
  readonly write: (target: ChangeTarget) => void;
}

/** Makes the queue. It holds at most one change per object, so it is bounded by the number of objects. */
export function createChangeQueue(options: ChangeQueueOptions): ChangeQueue {
  const {
    target,
    batch,
    sliceMs = 10,
    schedule = setImmediate,
    now = performance.now.bind(performance),
    onError,
  } = options;
  const pending = new Map<string, Change>();
  let waiting: (() => void)[] = [];
  let scheduled = false;

  const drain = (): void => {
    scheduled = false;
    const end = now() + sliceMs;
    batch(() => {
      for (const [key, change] of pending) {
        pending.delete(key);
        try {
          change.write(target);
        } catch (error) {
          onError(error, `${change.cluster} ${change.name}`);
        }
        if (now() >= end) break;
      }
    });
    if (pending.size > 0) {
      wake();
      return;
    }
    const done = waiting;
    waiting = [];
    for (const resolve of done) resolve();
  };
  const wake = (): void => {
    if (scheduled) return;
    scheduled = true;
    schedule(drain);
  };
  const put = (cluster: string, name: string, write: Change['write']): void => {
    const key = `${cluster} ${name}`;
    // Deleted first, so that the order is that of the newest changes.
    pending.delete(key);
    pending.set(key, { cluster, name, write });
    wake();
  };

  return {
    apply(cluster, object) {
      const { apiVersion, kind, metadata } = object;
      put(cluster, nameOf(apiVersion, kind, metadata?.namespace, metadata?.name), (mesh) =>
        mesh.apply(cluster, object),
      );
    },
    remove(cluster, name) {
      put(cluster, nameOf(name.apiVersion, name.kind, name.namespace, name.name), (mesh) => mesh.remove(cluster, name));
    },
    removeCluster(cluster) {
      for (const [key, change] of pending) if (change.cluster === cluster) pending.delete(key);
      batch(() => target.removeCluster(cluster));
    },
    settled: () => (pending.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    get length() {
      return pending.size;
    },
  };
}

/** Versions of one group name the same object. */
function nameOf(apiVersion = '', kind = '', namespace = '', name = ''): string {
  const slash = apiVersion.indexOf('/');
  return `${slash < 0 ? '' : apiVersion.slice(0, slash)}/${kind}/${namespace}/${name}`;
}
