// One type of resources on one stream, for both protocols: what the client asked for, what it has been sent, what it
// answered. No sockets and no copies of resources: what the client has is a revision of its feed plus small exceptions.
import { TYPE_URL } from '../envoy/resource.ts';
import type { Body, Contents, Protocol } from './body.ts';
import { emptyTables, listKey, noEndpoints } from './contents.ts';
import type { NameSet } from './names.ts';
import { type NackStatus, Rejections } from './rejections.ts';
import type { Feed } from './source.ts';
import type { Frame, WireError } from './wire.ts';

/** The client fell so far behind that its state is unknown: the stream has to start anew. */
export class LostTrackError extends Error {
  override readonly name = 'LostTrackError';
}

export interface SentResponse {
  readonly nonce: string;
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** What was in it; forgotten when it is answered. */
  body: Body | undefined;
  /** Contains resources, not only removals. */
  readonly adds: boolean;
  readonly bytes: number;
}

/** What to send next. `commit` it when it is sent. */
export interface Plan {
  readonly body: Body;
  readonly revision: number;
  /** Removals kept back. */
  readonly owed: ReadonlySet<string> | undefined;
  /** Repeats part of a rejected response; does not move the revision. */
  readonly retry: boolean;
  /** Present resources that the client gets anew; undefined: all of the body. */
  readonly touched: readonly string[] | undefined;
}

export interface SubscriptionStatus {
  readonly typeUrl: string;
  readonly wildcard: boolean;
  readonly subscribed: number;
  readonly sent: SentResponse | undefined;
  readonly acked: { readonly nonce: string; readonly version: string; readonly at: number } | undefined;
  readonly nacked: NackStatus | undefined;
  /** Nothing sent waits for an answer and nothing is left to send. */
  readonly synced: boolean;
}

export interface SubscriptionOptions {
  readonly typeUrl: string;
  readonly protocol: Protocol;
  readonly feed: Feed;
  readonly none: NameSet;
  /** A response carries everything that is subscribed (state-of-the-world CDS and LDS). */
  readonly whole: boolean;
  /** The client applies the good resources of a response that it rejects, so halves need not be tried. */
  readonly partial: boolean;
}

const NOTHING: ReadonlySet<string> = new Set();
const NO_NAMES: readonly string[] = [];

export class Subscription {
  readonly typeUrl: string;
  readonly protocol: Protocol;
  readonly whole: boolean;
  feed: Feed;
  /** A first request has been seen. */
  started = false;
  wildcard = false;
  names: NameSet;
  /** For virtual hosts: the route tables whose hosts the client wants. */
  tables: NameSet | undefined;
  inflight: SentResponse | undefined;
  sent: SentResponse | undefined;
  acked: { nonce: string; version: string; at: number } | undefined;
  responses = 0;
  readonly rejections: Rejections;
  /** Every change up to this revision has been sent, apart from the exceptions below. */
  #revision = 0;
  /** To be sent whether changed or not. */
  #fresh: Set<string> | 'all' | undefined;
  /** Removals that wait for other types. */
  #owed: ReadonlySet<string> | undefined;
  #interest: Disposable | undefined;
  #highestSeq = 0;

  constructor(options: SubscriptionOptions) {
    this.typeUrl = options.typeUrl;
    this.protocol = options.protocol;
    this.whole = options.whole;
    this.rejections = new Rejections(options.partial);
    this.feed = options.feed;
    this.names = options.none;
  }

  /** Whether the client wants this name. */
  covers(name: string): boolean {
    return this.names.has(name) || (this.wildcard && this.inTables(name));
  }

  inTables(name: string): boolean {
    return this.tables === undefined || this.tables.has(name.slice(0, name.lastIndexOf('/')));
  }

  /** The resource that the client is to have under this name now. */
  resource(name: string): Frame | undefined {
    return this.feed.get(name) ?? (this.typeUrl === TYPE_URL.endpoints ? noEndpoints(name) : undefined);
  }

  /** Takes a new subscription; what has to be sent because of it is told by `refresh`. */
  subscribe(names: NameSet, wildcard: boolean): void {
    const first = !this.started;
    this.started = true;
    if (first) this.#revision = this.feed.revision;
    if (names === this.names && wildcard === this.wildcard) return;
    this.names = names;
    this.wildcard = wildcard;
    this.#want();
  }

  /** Sends these names (or all of the subscription) again, changed or not, as far as they are covered when sent. */
  refresh(names: Iterable<string> | 'all'): void {
    if (names === 'all') this.#fresh = 'all';
    if (this.#fresh === 'all') return;
    const fresh = this.#fresh ?? new Set<string>();
    for (const name of names) fresh.add(name);
    if (fresh.size > 0) this.#fresh = fresh;
  }

  /** Moves to another feed: what differs for this client is sent, what is equal is not. */
  rebase(feed: Feed): void {
    const old = this.feed;
    if (feed === old) return;
    this.feed = feed;
    if (!this.started) return;
    const stale = this.#changes(old);
    const differs = (name: string) => stale.has(name) || old.get(name)?.version !== feed.get(name)?.version;
    const interest = this.#interest;
    this.#interest = this.names.size > 0 ? feed.want(this.names) : undefined;
    if (this.#fresh !== 'all') {
      const candidates = new Set<string>(this.names.values());
      if (this.wildcard)
        for (const side of [old.names(), feed.names(), stale]) for (const name of side) candidates.add(name);
      const fresh: string[] = [];
      for (const name of candidates) if (this.covers(name) && differs(name)) fresh.push(name);
      this.refresh(fresh);
    }
    interest?.[Symbol.dispose]();
    this.#revision = feed.revision;
  }

  /** An answer to the response with `nonce`. False when it is not about the last one. */
  answer(nonce: string, error: WireError | undefined, now: number): boolean {
    const { inflight } = this;
    if (!inflight || inflight.nonce !== nonce) return false;
    this.inflight = undefined;
    const { version, body } = inflight;
    inflight.body = undefined;
    const names = body && (error || !this.rejections.none) ? [...body.present(), ...body.removed] : NO_NAMES;
    if (error) {
      this.rejections.reject(names, { nonce, version, at: now, error });
      return true;
    }
    this.acked = { nonce, version, at: now };
    this.rejections.accept(names);
    return true;
  }

  /** Gives up on the answer to the last response, so that newer state can be sent. */
  abandon(): void {
    this.inflight = undefined;
  }

  /** Nothing waits to be sent, seen without looking at any name. */
  get idle(): boolean {
    return (
      this.feed.revision === this.#revision &&
      this.#fresh === undefined &&
      this.#owed === undefined &&
      this.rejections.parts.length === 0
    );
  }

  /** Something waits to be sent (an unanswered response does not count, nor do removals that were kept back). */
  get pending(): boolean {
    if (!this.started) return false;
    if (this.#fresh !== undefined || this.rejections.parts.length > 0) return true;
    return this.feed.revision > this.#revision && this.#relevant().size > 0;
  }

  get owes(): boolean {
    return this.#owed !== undefined;
  }

  /** The response to send now, if any. `hold`: keep removals back. Throws LostTrackError. */
  plan(hold: boolean): Plan | undefined {
    if (!this.started || this.inflight) return undefined;
    const retry = this.#retry();
    if (retry) return retry;
    const { feed } = this;
    const revision = feed.revision;
    const relevant = this.#relevant();
    if (this.#fresh === 'all') return this.#planAll(revision, undefined);
    const fresh = this.#fresh ?? NOTHING;
    if (relevant.size === 0 && fresh.size === 0 && (!this.#owed || hold)) {
      this.#revision = revision;
      return undefined;
    }
    const { frames, gone, owed } = this.#sort(relevant, fresh, hold);
    const touched = frames.map(({ name }) => name);
    if (this.whole && !(hold && frames.length === 0 && owed)) return this.#planAll(revision, touched);
    if (frames.length === 0 && (gone.length === 0 || this.protocol === 'sotw')) {
      this.#skip(revision, owed);
      return undefined;
    }
    const contents = { frames, removed: gone };
    return { body: this.#body(listKey(contents), () => contents), revision, owed, retry: false, touched };
  }

  /** `plan` was sent at `now`. */
  commit(plan: Plan, now: number): void {
    const { body } = plan;
    this.#highestSeq = Math.max(this.#highestSeq, body.seq);
    this.responses++;
    this.inflight = {
      nonce: body.nonce,
      version: body.version,
      at: now,
      body,
      adds: body.count > 0,
      bytes: body.size,
    };
    this.sent = this.inflight;
    if (plan.retry) {
      this.rejections.parts.shift();
      return;
    }
    this.#skip(plan.revision, plan.owed);
  }

  /** Ends interest in names; the subscription is not used any more. */
  close(): void {
    this.#interest?.[Symbol.dispose]();
    this.#interest = undefined;
    this.started = false;
  }

  status(): SubscriptionStatus {
    return {
      typeUrl: this.typeUrl,
      wildcard: this.wildcard,
      subscribed: this.names.size,
      sent: this.sent,
      acked: this.acked,
      nacked: this.rejections.status,
      synced: !this.inflight && !this.pending && !this.#owed && !this.rejections.status,
    };
  }

  #skip(revision: number, owed: ReadonlySet<string> | undefined): void {
    this.#revision = revision;
    this.#fresh = undefined;
    this.#owed = owed;
  }

  #want(): void {
    const before = this.#interest;
    this.#interest = this.names.size > 0 ? this.feed.want(this.names) : undefined;
    before?.[Symbol.dispose]();
  }

  #changes(feed: Feed): ReadonlySet<string> {
    if (feed.revision <= this.#revision) return NOTHING;
    const changes = feed.changesSince(this.#revision);
    if (!changes) throw new LostTrackError(`${this.typeUrl}: the client is too far behind`);
    return changes;
  }

  /** Changed names that the client wants. The feed's own set when it wants them all. */
  #relevant(): ReadonlySet<string> {
    const changes = this.#changes(this.feed);
    for (const name of changes) {
      if (!this.covers(name)) return new Set([...changes].filter((other) => this.covers(other)));
    }
    return changes;
  }

  #sort(relevant: ReadonlySet<string>, fresh: ReadonlySet<string>, hold: boolean) {
    const frames: Frame[] = [];
    const gone: string[] = [];
    const owed = new Set<string>();
    const put = (name: string, keepable: boolean): void => {
      const frame = this.resource(name);
      if (frame) frames.push(frame);
      else if (hold && keepable) owed.add(name);
      else gone.push(name);
    };
    for (const name of fresh) if (this.covers(name)) put(name, false);
    for (const name of relevant) if (!fresh.has(name)) put(name, true);
    for (const name of this.#owed ?? NOTHING) {
      if (relevant.has(name) || fresh.has(name) || !this.covers(name)) continue;
      if (hold) owed.add(name);
      else gone.push(name);
    }
    return { frames, gone, owed: owed.size > 0 ? owed : undefined };
  }

  #planAll(revision: number, touched: readonly string[] | undefined): Plan | undefined {
    const scope = `${this.wildcard ? '*' : ''}${this.tables?.id ?? ''}`;
    const body = this.#body(`all ${scope} ${this.names.id}`, () => this.#everything());
    const silent = body.count + body.removed.length === 0 && !(this.wildcard || this.whole);
    if (silent) {
      this.#skip(revision, undefined);
      return undefined;
    }
    return { body, revision, owed: undefined, retry: false, touched };
  }

  #everything(): Contents {
    const contents = this.#contents(this.#wanted());
    if (this.protocol === 'delta' && this.tables) {
      const { frames, removed } = contents;
      removed.push(...emptyTables(this.tables, [...frames.map(({ name }) => name), ...removed]));
    }
    return contents;
  }

  /** Names of the whole subscription, each once. */
  *#wanted(): Iterable<string> {
    if (this.wildcard) for (const name of this.feed.names()) if (this.inTables(name)) yield name;
    // Few ask for everything and for names besides: only they need to know what is there already.
    const listed = this.wildcard && this.names.size > 0 ? new Set(this.feed.names()) : NOTHING;
    for (const name of this.names.values()) if (!listed.has(name) || !this.inTables(name)) yield name;
  }

  /** What there is under these names, and in the delta protocol what there is not. */
  #contents(names: Iterable<string>): { readonly frames: Frame[]; readonly removed: string[] } {
    const frames: Frame[] = [];
    const removed: string[] = [];
    for (const name of names) {
      const frame = this.resource(name);
      if (frame) frames.push(frame);
      else if (this.protocol === 'delta') removed.push(name);
    }
    return { frames, removed };
  }

  #retry(): Plan | undefined {
    for (let names = this.rejections.parts[0]; names; names = this.rejections.parts[0]) {
      const contents = this.#contents(names.filter((name) => this.covers(name)));
      if (contents.frames.length + contents.removed.length > 0) {
        const body = this.#body(listKey(contents), () => contents);
        return { body, revision: this.#revision, owed: this.#owed, retry: true, touched: NO_NAMES };
      }
      this.rejections.parts.shift();
    }
    return undefined;
  }

  /** The shared body, or one with its own nonce when this client may have had the shared one before. */
  #body(key: string, contents: () => Contents): Body {
    const { bodies } = this.feed;
    const body = bodies.get(this.feed, this.protocol, key, contents);
    return body.seq > this.#highestSeq ? body : bodies.again(body);
  }
}
