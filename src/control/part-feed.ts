// The graph side of feeds: one part of a resource type for one scope, kept up to date by observing the graph.
import type { Encoded, Part, ScopedName } from '../envoy/resource.ts';
import type { Graph } from '../graph/graph.ts';
import type { Node, Observer } from '../graph/node.ts';
import { FeedStore, type FramePool } from '../xds/feed-store.ts';
import type { TypeFeed } from './type-feed.ts';

export interface PartFeedOptions {
  readonly graph: Graph;
  readonly typeUrl: string;
  readonly part: Part;
  readonly scope: string;
  readonly pool: FramePool;
  /** The revision of the flush under way. */
  readonly revision: () => number;
  /** A new revision, for what changes outside of flushes. */
  readonly bump: () => number;
  /** Told when something changed while the graph flushed. */
  readonly changed: (feed: PartFeed) => void;
  /** Told of every name that is asked for whether there is such a resource; `false` also when nobody asks any more. */
  readonly unanswered?: (resource: ScopedName, missing: boolean) => void;
}

/**
 * Observes the names that the part lists, and, for a part without list, the names that somebody wants. A part with a list
 * has no other names.
 */
export class PartFeed implements Disposable {
  readonly store: FeedStore;
  /** Whoever has to know the revision of the last change. */
  readonly users = new Set<TypeFeed>();
  readonly #options: PartFeedOptions;
  readonly #nodes = new Map<string, Node>();
  /** Name → how many type feeds want it. */
  readonly #wanted = new Map<string, number>();
  readonly #resources: Observer<Encoded | undefined>;
  readonly #lister: Observer<readonly string[]>;
  #listNode: Node | undefined;
  #listed: readonly string[] = [];
  #closed = false;

  constructor(options: PartFeedOptions) {
    this.#options = options;
    this.store = new FeedStore(options.typeUrl, options.pool);
    const { revision } = options;
    this.#resources = {
      changed: (resource, node) => {
        const { name } = node.key as ScopedName;
        this.#update(name, resource, revision());
        this.#tell(name, resource === undefined);
      },
    };
    this.#lister = { changed: (names) => this.#relist(names ?? [], revision()) };
    const { graph, part, scope } = options;
    if (!part.list) return;
    this.#listNode = graph.attach(part.list, scope, this.#lister);
    if (!this.#listNode.failed) this.#relist(this.#listNode.value as readonly string[], options.bump());
  }

  /** Whether the part says itself what names it has. */
  get lists(): boolean {
    return this.#options.part.list !== undefined;
  }

  want(names: readonly string[]): void {
    if (this.lists || this.#closed) return;
    const revision = this.#options.bump();
    for (const name of names) {
      const count = this.#wanted.get(name) ?? 0;
      this.#wanted.set(name, count + 1);
      if (count === 0) this.#attach(name, revision);
    }
  }

  release(names: readonly string[]): void {
    if (this.lists || this.#closed) return;
    const revision = this.#options.bump();
    for (const name of names) {
      const count = this.#wanted.get(name) ?? 0;
      if (count > 1) {
        this.#wanted.set(name, count - 1);
      } else if (count === 1) {
        this.#wanted.delete(name);
        this.#detach(name, revision);
      }
    }
  }

  /** Stops observing. What it held can still be read, so that sessions can compare. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#listNode) this.#options.graph.detach(this.#listNode, this.#lister);
    for (const [name, node] of this.#nodes) {
      this.#options.graph.detach(node, this.#resources);
      this.#tell(name, false);
    }
    this.#nodes.clear();
    this.#wanted.clear();
  }

  #relist(names: readonly string[], revision: number): void {
    const { added, removed } = difference(this.#listed, names);
    this.#listed = names;
    for (const name of removed) this.#detach(name, revision);
    for (const name of added) this.#attach(name, revision);
  }

  #attach(name: string, revision: number): void {
    if (this.#nodes.has(name)) return;
    const { graph, part, scope } = this.#options;
    const node = graph.attach(part.get, { scope, name }, this.#resources);
    this.#nodes.set(name, node);
    const resource = node.failed ? undefined : (node.value as Encoded | undefined);
    this.#update(name, resource, revision);
    this.#tell(name, resource === undefined);
  }

  #detach(name: string, revision: number): void {
    const node = this.#nodes.get(name);
    if (!node) return;
    this.#nodes.delete(name);
    this.#options.graph.detach(node, this.#resources);
    this.#update(name, undefined, revision);
    this.#tell(name, false);
  }

  #tell(name: string, missing: boolean): void {
    this.#options.unanswered?.({ scope: this.#options.scope, name }, missing);
  }

  #update(name: string, resource: Encoded | undefined, revision: number): void {
    if (!this.store.set(name, resource, revision)) return;
    for (const user of this.users) user.revision = revision;
    this.#options.changed(this);
  }
}

/** What two lists do not share. */
function difference(before: readonly string[], after: readonly string[]) {
  const old = new Set(before);
  const added = after.filter((name) => !old.delete(name));
  return { added, removed: [...old] };
}
