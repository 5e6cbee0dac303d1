// Keeps up with all objects of one kind in one cluster: list, then watch, for ever. A failure leaves what is known as it is.
import { setImmediate } from 'node:timers/promises';
import { ApiError, isGone, isNotFound } from './api-error.ts';
import { createBackoff, sleep as realSleep, type Sleep } from './backoff.ts';
import { type KubernetesObject, localKey, type ObjectName, type ResourceKind, resourcePath } from './object.ts';
import type { ApiClient } from './rest.ts';
import { watchEvents } from './watch-lines.ts';

/** What a reflector tells. `apply` gets objects of its own: nobody else holds them. */
export interface ReflectorSink {
  apply(object: KubernetesObject): void;
  remove(name: ObjectName): void;
}

export interface ReflectorOptions {
  readonly client: ApiClient;
  readonly resource: ResourceKind;
  readonly sink: ReflectorSink;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Synced, missing or failing now, or failing for another reason. */
  readonly onChange?: (state: ReflectorState) => void;
  /**
   * Keys (`namespace/name`) that the sink already has, from a reflector before this one. They stay until the first
   * complete list, which removes those that are gone.
   */
  readonly inherited?: Iterable<string>;
  /** Every failed list or watch. */
  readonly onFailure?: (error: ApiError) => void;
  readonly sleep?: Sleep;
  readonly random?: () => number;
  /** Objects of the first page; later pages are sized so that one is about half a MB. */
  readonly pageSize?: number;
  /** Work for at most this long before other tasks get a turn. */
  readonly sliceMs?: number;
  /** A watch that stays silent this long (bookmarks come about every minute) is taken for dead. */
  readonly silenceMs?: number;
}

export interface ReflectorState {
  readonly kind: string;
  /** Everything was listed at least once. A kind that the cluster does not have counts as listed, and empty. */
  readonly synced: boolean;
  /** The cluster has no such kind (its CRD is not installed); it is waited for. */
  readonly missing: boolean;
  readonly objects: number;
  /** Why it is not keeping up just now; undefined when it is. */
  readonly error: ApiError | undefined;
}

export interface Reflector extends Disposable {
  readonly state: ReflectorState;
  /** Keys of what the sink has from here. */
  keys(): string[];
  /** Resolves at the first complete list, or when disposed of. */
  readonly synced: Promise<void>;
}

const PAGE_BYTES = 512 * 1024;
const WATCH_SECONDS = 300;
/** So often must the server say that a kind is gone before what we know of it is dropped: it says so while it starts, too. */
const GONE_ANSWERS = 3;

/** Starts at once and runs until disposed of. */
export function startReflector(options: ReflectorOptions): Reflector {
  const run = new Run(options);
  return run;
}

class Run implements Reflector {
  readonly synced: Promise<void>;
  readonly #options: ReflectorOptions;
  readonly #known = new Map<string, string>();
  readonly #abort = new AbortController();
  readonly #backoff;
  readonly #sleep: Sleep;
  readonly #sliceMs: number;
  #markSynced: () => void = () => {};
  #state: ReflectorState;
  #version = '';
  #pageSize: number;
  #notFound = 0;

  constructor(options: ReflectorOptions) {
    this.#options = options;
    for (const key of options.inherited ?? []) this.#known.set(key, '');
    this.#backoff = createBackoff({ random: options.random });
    this.#sleep = options.sleep ?? realSleep;
    this.#sliceMs = options.sliceMs ?? 10;
    this.#pageSize = options.pageSize ?? 100;
    this.#state = {
      kind: options.resource.kind,
      synced: false,
      missing: false,
      objects: this.#known.size,
      error: undefined,
    };
    this.synced = new Promise((resolve) => {
      this.#markSynced = resolve;
    });
    void this.#follow();
  }

  get state(): ReflectorState {
    return this.#state;
  }

  keys(): string[] {
    return [...this.#known.keys()];
  }

  [Symbol.dispose](): void {
    this.#abort.abort();
    this.#markSynced();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        if (!this.#version) await this.#list();
        await this.#watch();
      } catch (error) {
        if (signal.aborted) return;
        const failure = this.#failure(error);
        if (isGone(failure)) {
          this.#version = '';
          continue;
        }
        if (isNotFound(failure)) this.#absent();
        else {
          this.#options.onFailure?.(failure);
          this.#set({ error: failure });
        }
        const asked = (failure.retryAfterSeconds ?? 0) * 1000;
        await this.#sleep(Math.max(asked, this.#backoff.next()), signal);
      }
    }
  }

  #failure(error: unknown): ApiError {
    if (error instanceof ApiError) return error;
    const { cluster } = this.#options.client;
    const message = error instanceof Error ? error.message : String(error);
    return new ApiError({
      cluster,
      status: 0,
      reason: 'BadAnswer',
      message,
      request: `watch ${this.#path()}`,
      cause: error,
    });
  }

  /** The server knows no such kind. Believed at once when nothing of it was ever seen, else only when said repeatedly. */
  #absent(): void {
    this.#notFound += 1;
    if (this.#known.size > 0 && this.#notFound < GONE_ANSWERS) return;
    for (const key of [...this.#known.keys()]) this.#remove(key);
    this.#version = '';
    this.#set({ missing: true, error: undefined, synced: true });
    this.#markSynced();
  }

  async #list(): Promise<void> {
    const seen = new Set<string>();
    let next = '';
    let version = '';
    do {
      const page = await this.#page(next);
      version = page.metadata?.resourceVersion ?? version;
      next = page.metadata?.continue ?? '';
      await this.#take(page.items ?? [], seen);
    } while (next && !this.#abort.signal.aborted);
    if (this.#abort.signal.aborted) return;
    for (const key of [...this.#known.keys()]) if (!seen.has(key)) this.#remove(key);
    this.#version = version;
    this.#notFound = 0;
    this.#backoff.reset();
    this.#set({ synced: true, missing: false, error: undefined });
    this.#markSynced();
  }

  async #page(next: string): Promise<ListPage> {
    const { client, labelSelector, fieldSelector } = this.#options;
    const query = { limit: this.#pageSize, continue: next, labelSelector, fieldSelector };
    return client.request<ListPage>({ path: this.#path(), query, signal: this.#abort.signal, timeoutMs: 60_000 });
  }

  async #take(items: readonly KubernetesObject[], seen: Set<string>): Promise<void> {
    const { apiVersion, kind } = this.#options.resource;
    let sliceEnd = performance.now() + this.#sliceMs;
    let bytes = 0;
    for (const [index, item] of items.entries()) {
      if (this.#abort.signal.aborted) return;
      if (index === 0) bytes = JSON.stringify(item).length;
      seen.add(localKey(item));
      this.#apply({ ...item, apiVersion, kind });
      if (performance.now() < sliceEnd) continue;
      await setImmediate();
      sliceEnd = performance.now() + this.#sliceMs;
    }
    if (bytes) this.#pageSize = Math.min(1000, Math.max(20, Math.round(PAGE_BYTES / bytes)));
  }

  async #watch(): Promise<void> {
    const { client, labelSelector, fieldSelector, random = Math.random, silenceMs = 150_000 } = this.#options;
    const query = {
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: this.#version,
      timeoutSeconds: Math.round(WATCH_SECONDS * (1 + random())),
      labelSelector,
      fieldSelector,
    };
    const { signal } = this.#abort;
    const response = await client.stream({ path: this.#path(), query, signal, timeoutMs: 30_000 });
    response.setTimeout(silenceMs, () => response.destroy(new Error(`nothing came for ${silenceMs / 1000} s`)));
    const started = performance.now();
    let events = 0;
    try {
      this.#set({ error: undefined, missing: false });
      for await (const event of watchEvents(response as AsyncIterable<Buffer>, { sliceMs: this.#sliceMs })) {
        events += 1;
        if (event.type === 'ERROR') throw this.#watchError(event.object);
        this.#version = event.object.metadata?.resourceVersion ?? this.#version;
        if (event.type === 'DELETED') this.#remove(localKey(event.object));
        else if (event.type !== 'BOOKMARK') this.#apply(event.object);
        this.#backoff.reset();
      }
    } finally {
      response.destroy();
    }
    // A server that ends every watch at once must not be asked in a tight loop.
    if (events === 0 && performance.now() - started < 1000) await this.#sleep(this.#backoff.next(), signal);
  }

  #watchError(object: KubernetesObject): ApiError {
    const { code, reason, message } = object as { code?: number; reason?: string; message?: string };
    return new ApiError({
      cluster: this.#options.client.cluster,
      status: code ?? 0,
      reason: reason ?? 'WatchError',
      message: message ?? 'the watch failed',
      request: `watch ${this.#path()}`,
    });
  }

  #apply(object: KubernetesObject): void {
    const key = localKey(object);
    const version = object.metadata?.resourceVersion ?? '';
    if (version && this.#known.get(key) === version) return;
    const fresh = !this.#known.has(key);
    this.#known.set(key, version);
    // Bulky and of no meaning to a reader; gone before anything can keep it.
    if (object.metadata) delete (object.metadata as { managedFields?: unknown }).managedFields;
    this.#options.sink.apply(object);
    if (fresh) this.#set({ objects: this.#known.size });
  }

  #remove(key: string): void {
    if (!this.#known.delete(key)) return;
    const { apiVersion, kind } = this.#options.resource;
    const slash = key.indexOf('/');
    this.#options.sink.remove({ apiVersion, kind, namespace: key.slice(0, slash), name: key.slice(slash + 1) });
    this.#set({ objects: this.#known.size });
  }

  #set(change: Partial<ReflectorState>): void {
    const before = this.#state;
    this.#state = { ...before, ...change };
    const { synced, missing, error } = this.#state;
    if (before.synced === synced && before.missing === missing && before.error?.message === error?.message) return;
    this.#options.onChange?.(this.#state);
  }

  #path(): string {
    return resourcePath(this.#options.resource, this.#options.namespace);
  }
}

interface ListPage {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly KubernetesObject[];
}
