// Changes of objects on their way into the mesh: the newest per object, applied together. What belongs together arrives in
// several pieces within milliseconds (the pods and endpoints of a Service, the files of one `git pull`), and to bring each to
// every proxy alone costs more than to wait for the rest: the first change waits `gatherMs`, whatever comes after it.
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
  /** How long the first change after a pause waits for others. */
  readonly gatherMs?: number;
  /** Runs a part of the work after so many milliseconds; with 0, when the event loop is free. */
  readonly schedule?: (run: () => void, ms: number) => void;
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
    gatherMs = 3,
    schedule = (run, ms) => void (ms > 0 ? setTimeout(run, ms) : setImmediate(run)),
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
      wake(0);
      return;
    }
    const done = waiting;
    waiting = [];
    for (const resolve of done) resolve();
  };
  const wake = (ms: number): void => {
    if (scheduled) return;
    scheduled = true;
    schedule(drain, ms);
  };
  const put = (cluster: string, name: string, write: Change['write']): void => {
    const key = `${cluster} ${name}`;
    // Deleted first, so that the order is that of the newest changes.
    pending.delete(key);
    pending.set(key, { cluster, name, write });
    wake(gatherMs);
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
