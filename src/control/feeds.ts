// Turns the graph's resource types into what the xDS server serves. Classes with equal scopes share feeds, feeds exist
// while some proxy of such a class is connected (and a little longer), and only what they list or what is asked for is computed.
import type { ResourceType, ScopedName } from '../envoy/resource.ts';
import type { Family, Graph, Input } from '../graph/graph.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { Scope } from '../lib/scope.ts';
import type { Proxy as Client } from '../model/proxy.ts';
import { Bodies } from '../xds/body.ts';
import { FramePool } from '../xds/feed-store.ts';
import type { Feed, ProxySession, Source } from '../xds/source.ts';
import { PartFeed } from './part-feed.ts';
import { TypeFeed } from './type-feed.ts';

export interface FeedsOptions {
  readonly graph: Graph;
  readonly types: readonly ResourceType[];
  readonly classes: {
    /** Connected proxies by a key of the connection (the node id, with a suffix when one id connects twice). */
    readonly proxies: Input<Client>;
    readonly classOf: Family<string, string | undefined>;
  };
  readonly bodies?: Bodies;
  readonly clock?: Clock;
  /** Told, for one resource type, whether what proxies ask for by name is there. */
  readonly unanswered?: {
    readonly typeUrl: string;
    readonly tell: (resource: ScopedName, missing: boolean) => void;
  };
  /** Milliseconds that the feeds of a class without connections are kept. */
  readonly linger?: number;
}

/** How many of what exists; for metrics and tests. */
export interface FeedCounts {
  readonly sessions: number;
  readonly classes: number;
  readonly typeFeeds: number;
  readonly partFeeds: number;
}

export interface Feeds extends Source, Disposable {
  readonly bodies: Bodies;
  counts(): FeedCounts;
  /** Grows with every change. */
  readonly revision: number;
}

/** Serves the graph. Dispose it before the graph is thrown away. */
export function createFeeds(options: FeedsOptions): Feeds {
  return new GraphFeeds(options);
}

const NONE: ReadonlySet<ClassFeeds> = new Set();

/** Something shared by key that lives while it is used, and for a while after. */
interface Shared<T> {
  readonly value: T;
  users: number;
  timer: Disposable | undefined;
}

class GraphFeeds implements Feeds {
  readonly graph: Graph;
  readonly types: ReadonlyMap<string, ResourceType>;
  readonly bodies: Bodies;
  readonly #options: FeedsOptions;
  readonly #clock: Clock;
  readonly #scope = new Scope();
  readonly #pools = new Map<string, FramePool>();
  readonly #parts = new Map<string, Shared<PartFeed>>();
  readonly #typeFeeds = new Map<string, Shared<TypeFeed>>();
  readonly #classes = new Map<string, Shared<ClassFeeds>>();
  /** Classes by the feeds that they have. */
  readonly #classesOf = new Map<TypeFeed, Set<ClassFeeds>>();
  readonly #sessions = new Set<Session>();
  readonly #changedParts = new Set<PartFeed>();
  readonly #movedClasses = new Set<ClassFeeds>();
  #revision = 0;
  /** The present revision is that of the flush under way. */
  #stamped = false;

  constructor(options: FeedsOptions) {
    this.#options = options;
    this.graph = options.graph;
    this.types = new Map(options.types.map((type) => [type.typeUrl, type]));
    this.bodies = options.bodies ?? new Bodies();
    this.#clock = options.clock ?? systemClock;
    this.#scope.own(this.graph.onFlush(() => this.#flushed()));
  }

  get revision(): number {
    return this.#revision;
  }

  open(client: Client, changed: () => void): ProxySession {
    const { proxies } = this.#options.classes;
    let key = client.id;
    for (let n = 2; proxies.get(key) !== undefined; n++) key = `${client.id}#${n}`;
    proxies.set(key, client);
    const session = new Session(this, key, this.#options.classes, changed);
    this.#sessions.add(session);
    return session;
  }

  ended(session: Session, key: string): void {
    this.#sessions.delete(session);
    this.#options.classes.proxies.delete(key);
  }

  counts(): FeedCounts {
    return {
      sessions: this.#sessions.size,
      classes: this.#classes.size,
      typeFeeds: this.#typeFeeds.size,
      partFeeds: this.#parts.size,
    };
  }

  [Symbol.dispose](): void {
    for (const session of [...this.#sessions]) session[Symbol.dispose]();
    this.#scope[Symbol.dispose]();
    for (const shelf of [this.#classes, this.#typeFeeds, this.#parts]) {
      for (const { timer } of shelf.values()) timer?.[Symbol.dispose]();
    }
    for (const { value } of [...this.#classes.values()]) value[Symbol.dispose]();
    for (const { value } of this.#parts.values()) value[Symbol.dispose]();
    this.#parts.clear();
    this.#typeFeeds.clear();
    this.#classes.clear();
    this.graph.flush();
  }

  acquireClass(id: string): ClassFeeds {
    return acquire(this.#classes, id, () => new ClassFeeds(this, id));
  }
  releaseClass(id: string): void {
    this.#release(this.#classes, id, (feeds) => feeds[Symbol.dispose]());
  }

  acquireType(type: ResourceType, scopes: readonly string[]): TypeFeed {
    const { unanswered } = this.#options;
    return acquire(this.#typeFeeds, typeKey(type, scopes), () => {
      const parts = type.parts.map((part, i) =>
        acquire(this.#parts, partKey(type, i, scopes), () => {
          const pool = this.#pools.get(type.typeUrl) ?? new FramePool(type.typeUrl);
          this.#pools.set(type.typeUrl, pool);
          return new PartFeed({
            graph: this.graph,
            typeUrl: type.typeUrl,
            part,
            scope: scopes[i]!,
            pool,
            revision: () => this.#stamp(),
            bump: () => ++this.#revision,
            changed: (feed) => this.#changedParts.add(feed),
            ...(unanswered?.typeUrl === type.typeUrl && { unanswered: unanswered.tell }),
          });
        }),
      );
      return new TypeFeed(type.typeUrl, type.wildcard, parts, this.bodies);
    });
  }
  releaseType(type: ResourceType, scopes: readonly string[]): void {
    this.#release(this.#typeFeeds, typeKey(type, scopes), (feed) => {
      feed[Symbol.dispose]();
      for (const i of type.parts.keys()) {
        this.#drop(this.#parts, partKey(type, i, scopes), (part) => part[Symbol.dispose]());
      }
    });
  }

  /** A class has another feed, and not the one before any more: it is told of its changes. */
  follows(feeds: ClassFeeds, feed: TypeFeed, before?: TypeFeed): void {
    if (before) this.unfollows(feeds, before);
    const followers = this.#classesOf.get(feed);
    if (followers) followers.add(feeds);
    else this.#classesOf.set(feed, new Set([feeds]));
  }
  unfollows(feeds: ClassFeeds, feed: TypeFeed): void {
    const followers = this.#classesOf.get(feed);
    followers?.delete(feeds);
    if (followers?.size === 0) this.#classesOf.delete(feed);
  }

  moved(feeds: ClassFeeds): void {
    this.#movedClasses.add(feeds);
  }

  #stamp(): number {
    if (!this.#stamped) {
      this.#stamped = true;
      this.#revision++;
    }
    return this.#revision;
  }

  /** Tells every session that has something new, once. */
  #flushed(): void {
    this.#stamped = false;
    if (this.#changedParts.size === 0 && this.#movedClasses.size === 0) return;
    const told = new Set(this.#movedClasses);
    for (const part of this.#changedParts) {
      for (const feed of part.users) for (const feeds of this.#classesOf.get(feed) ?? NONE) told.add(feeds);
    }
    this.#changedParts.clear();
    this.#movedClasses.clear();
    for (const feeds of told) feeds.tell();
  }

  /** One user less; the last one leaves the thing behind for a while. */
  #release<T>(shelf: Map<string, Shared<T>>, key: string, close: (value: T) => void): void {
    const shared = shelf.get(key);
    if (!shared || --shared.users > 0 || this.#scope.closed) return;
    shared.timer?.[Symbol.dispose]();
    shared.timer = this.#clock.after(this.#options.linger ?? 60_000, () => {
      if (shared.users > 0 || shelf.get(key) !== shared) return;
      shelf.delete(key);
      close(shared.value);
      this.graph.flush();
    });
  }

  #drop<T>(shelf: Map<string, Shared<T>>, key: string, close: (value: T) => void): void {
    const shared = shelf.get(key);
    if (!shared || --shared.users > 0) return;
    shelf.delete(key);
    close(shared.value);
  }
}

function acquire<T>(shelf: Map<string, Shared<T>>, key: string, make: () => T): T {
  let shared = shelf.get(key);
  if (!shared) {
    shared = { value: make(), users: 0, timer: undefined };
    shelf.set(key, shared);
  }
  shared.timer?.[Symbol.dispose]();
  shared.timer = undefined;
  shared.users++;
  return shared.value;
}

const typeKey = (type: ResourceType, scopes: readonly string[]) => [type.typeUrl, ...scopes].join('\n');
const partKey = (type: ResourceType, i: number, scopes: readonly string[]) => `${type.typeUrl}\n${i}\n${scopes[i]}`;

/** The feeds of one class, made when a type is first asked for; a new object where a scope changes. */
class ClassFeeds implements Disposable {
  readonly sessions = new Set<Session>();
  /** How often a type got another feed. */
  moves = 0;
  readonly #feeds: GraphFeeds;
  readonly #id: string;
  readonly #types = new Map<string, { feed: TypeFeed; scopes: readonly string[]; observed: Scope }>();

  constructor(feeds: GraphFeeds, id: string) {
    this.#feeds = feeds;
    this.#id = id;
  }

  feed(typeUrl: string): Feed | undefined {
    const known = this.#types.get(typeUrl);
    if (known) return known.feed;
    const type = this.#feeds.types.get(typeUrl);
    if (!type) return undefined;
    const { graph } = this.#feeds;
    const observed = new Scope();
    for (const part of type.parts) observed.own(graph.observe(part.scope, this.#id, () => this.#rescope(type)));
    const scopes = type.parts.map((part) => graph.read(part.scope, this.#id));
    const feed = this.#feeds.acquireType(type, scopes);
    this.#types.set(typeUrl, { feed, scopes, observed });
    this.#feeds.follows(this, feed);
    return feed;
  }

  tell(): void {
    for (const session of this.sessions) session.changed();
  }

  [Symbol.dispose](): void {
    for (const [typeUrl, { feed, scopes, observed }] of this.#types) {
      observed[Symbol.dispose]();
      this.#feeds.unfollows(this, feed);
      this.#feeds.releaseType(this.#feeds.types.get(typeUrl)!, scopes);
    }
    this.#types.clear();
  }

  #rescope(type: ResourceType): void {
    const known = this.#types.get(type.typeUrl);
    if (!known) return;
    const scopes = type.parts.map((part) => this.#feeds.graph.read(part.scope, this.#id));
    if (scopes.every((scope, i) => scope === known.scopes[i])) return;
    const feed = this.#feeds.acquireType(type, scopes);
    this.#types.set(type.typeUrl, { feed, scopes, observed: known.observed });
    this.#feeds.follows(this, feed, known.feed);
    this.moves++;
    this.#feeds.releaseType(type, known.scopes);
    this.#feeds.moved(this);
  }
}

class Session implements ProxySession {
  readonly changed: () => void;
  readonly #feeds: GraphFeeds;
  readonly #key: string;
  readonly #observed: Disposable;
  #classId: string | undefined;
  #class: ClassFeeds | undefined;
  #moves = 0;

  constructor(feeds: GraphFeeds, key: string, classes: FeedsOptions['classes'], changed: () => void) {
    this.#feeds = feeds;
    this.#key = key;
    this.changed = changed;
    this.#observed = feeds.graph.observe(classes.classOf, key, (id) => this.#enter(id, true));
    this.#enter(feeds.graph.read(classes.classOf, key), false);
  }

  feed(typeUrl: string): Feed | undefined {
    return this.#class?.feed(typeUrl);
  }

  get generation(): number {
    return this.#moves + (this.#class?.moves ?? 0);
  }

  [Symbol.dispose](): void {
    this.#observed[Symbol.dispose]();
    this.#enter(undefined, false);
    this.#feeds.ended(this, this.#key);
  }

  #enter(id: string | undefined, tell: boolean): void {
    if (id === this.#classId) return;
    const before = this.#classId;
    // Never smaller than before, whatever the new class has counted.
    this.#moves = this.generation + 1;
    this.#class?.sessions.delete(this);
    this.#class = id === undefined ? undefined : this.#feeds.acquireClass(id);
    this.#class?.sessions.add(this);
    this.#classId = id;
    if (before !== undefined) this.#feeds.releaseClass(before);
    if (tell && this.#class) this.#feeds.moved(this.#class);
  }
}
