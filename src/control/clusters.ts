// The clusters this control plane knows: the config cluster and one per remote secret, each watched on its own.
import type { ApiAccess } from '../k8s/access.ts';
import type { ReflectorState } from '../k8s/reflector.ts';
import { type ApiClient, createApiClient } from '../k8s/rest.ts';
import type { KubernetesObject, ObjectName } from '../kinds/object.ts';
import type { Clock } from '../lib/clock.ts';
import { type ClusterWatch, type WatchedKeys, type WatchedKind, watchCluster } from './cluster-watch.ts';

export type SyncStatus = 'syncing' | 'synced' | 'timeout';

export interface Cluster {
  readonly id: string;
  /** `namespace/name` of the remote secret; '' for the config cluster. */
  readonly secret: string;
  readonly client: ApiClient;
  readonly status: SyncStatus;
  readonly states: readonly ReflectorState[];
  /** Resolves when it was read completely, or when it took too long. */
  readonly ready: Promise<void>;
}

/** What the registry tells about. */
export interface ClusterEvents {
  apply(cluster: string, object: KubernetesObject): void;
  remove(cluster: string, name: ObjectName): void;
  added(cluster: Cluster): void;
  /** Synced, timed out, or synced at last. */
  changed(cluster: Cluster): void;
  /** Gone: everything of it must be forgotten. */
  removed(cluster: Cluster): void;
  /** A kind cannot be followed, for a new reason. */
  failed(cluster: string, state: ReflectorState): void;
  /** One failed request, to be counted. */
  failure(cluster: string, kind: string): void;
}

export interface ClustersOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly events: ClusterEvents;
  /** What is watched in a cluster. */
  readonly kinds: (cluster: { readonly config: boolean }) => readonly WatchedKind[];
  readonly open?: (options: { cluster: string; access: ApiAccess }) => ApiClient;
}

export interface ClusterInput {
  readonly id: string;
  readonly secret: string;
  readonly access: ApiAccess;
}

export interface Clusters extends Disposable {
  get(id: string): Cluster | undefined;
  list(): readonly Cluster[];
  /** Starts to watch a cluster. Throws when the id is taken: the caller decides which of two is meant. */
  add(cluster: ClusterInput): Cluster;
  /** Goes on with other credentials or another address. What is known of the cluster stays until it has been read anew. */
  update(cluster: ClusterInput): Cluster;
  remove(id: string): void;
}

interface EntryInput {
  readonly id: string;
  readonly secret: string;
  readonly client: ApiClient;
  readonly watch: ClusterWatch;
  /** As far as a watch before this one had come. */
  readonly status: SyncStatus;
}

const NO_TIMER: Disposable = { [Symbol.dispose]: () => {} };

class Entry implements Cluster {
  readonly id: string;
  readonly secret: string;
  readonly client: ApiClient;
  readonly ready: Promise<void>;
  status: SyncStatus;
  readonly #watch: ClusterWatch;
  readonly #timer: Disposable;

  constructor(input: EntryInput, options: ClustersOptions) {
    this.id = input.id;
    this.secret = input.secret;
    this.client = input.client;
    this.#watch = input.watch;
    this.status = input.status;
    let settle: () => void = () => {};
    this.ready = new Promise((resolve) => {
      settle = resolve;
    });
    const become = (status: SyncStatus): void => {
      if (this.status === 'synced') return;
      this.status = status;
      options.events.changed(this);
      settle();
    };
    if (this.status === 'synced') settle();
    // Without the config cluster there is nothing to serve; it is waited for as long as it takes.
    this.#timer = this.secret ? options.clock.after(options.timeoutMs, () => become('timeout')) : NO_TIMER;
    void input.watch.whenSynced.then(() => {
      this.#timer[Symbol.dispose]();
      if (input.watch.synced) become('synced');
      else settle();
    });
  }

  keys(): WatchedKeys {
    return this.#watch.keys();
  }

  get states(): readonly ReflectorState[] {
    return this.#watch.states;
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
    this.#watch[Symbol.dispose]();
    this.client[Symbol.dispose]();
  }
}

/** Makes the registry; it watches nothing until clusters are added. */
export function createClusters(options: ClustersOptions): Clusters {
  const { events, open = createApiClient } = options;
  const entries = new Map<string, Entry>();

  const start = ({ id, secret, access }: ClusterInput, before?: Entry): Entry => {
    const client = open({ cluster: id, access });
    const watch = watchCluster({
      client,
      kinds: options.kinds({ config: secret === '' }),
      sink: { apply: (object) => events.apply(id, object), remove: (name) => events.remove(id, name) },
      onState: (state) => {
        if (state.error) events.failed(id, state);
      },
      onFailure: (kind) => events.failure(id, kind),
      inherited: before?.keys(),
    });
    const entry = new Entry({ id, secret, client, watch, status: before?.status ?? 'syncing' }, options);
    entries.set(id, entry);
    return entry;
  };

  return {
    get: (id) => entries.get(id),
    list: () => [...entries.values()],
    add(cluster) {
      if (entries.has(cluster.id)) throw new Error(`cluster ${cluster.id} is already watched`);
      const entry = start(cluster);
      events.added(entry);
      return entry;
    },
    update(cluster) {
      const before = entries.get(cluster.id);
      before?.[Symbol.dispose]();
      const entry = start(cluster, before);
      if (before) events.changed(entry);
      else events.added(entry);
      return entry;
    },
    remove(id) {
      const entry = entries.get(id);
      if (!entry) return;
      entries.delete(id);
      entry[Symbol.dispose]();
      events.removed(entry);
    },
    [Symbol.dispose]() {
      for (const entry of entries.values()) entry[Symbol.dispose]();
      entries.clear();
    },
  };
}
