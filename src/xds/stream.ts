// The protocol of one stream without its socket: requests go in, responses come out in an order that keeps traffic flowing.
//
// Clusters go before the listeners and routes that name them, and leave after these have let go of them. Envoy keeps back
// its answer to a cluster update until the clusters are warm, so that answer is the sign that routes may use them. Endpoints
// are never kept back: clusters wait for them. A changed cluster needs its endpoints again, which Envoy does not ask for.
// A client that does not answer delays its own listeners and routes for `GATE_LIMIT_MS` at most.
import { TYPE_URL } from '../envoy/resource.ts';
import { type Bodies, BodyCache, type Protocol } from './body.ts';
import type { NamePool } from './names.ts';
import { applyDelta, applySotw } from './requests.ts';
import type { Feed, ProxySession } from './source.ts';
import { type Plan, type SentResponse, Subscription, type SubscriptionStatus } from './subscription.ts';
import { type DeltaRequest, readDeltaRequest, readSotwRequest, type SotwRequest, type WireError } from './wire.ts';

/** How long listeners and routes wait for clusters, and removals for both. */
export const GATE_LIMIT_MS = 5_000;
/** How long newer clusters wait for the answer to older ones. */
export const OVERDUE_MS = 15_000;

const ORDER: readonly string[] = [
  TYPE_URL.cluster,
  TYPE_URL.endpoints,
  TYPE_URL.secret,
  TYPE_URL.listener,
  TYPE_URL.route,
  TYPE_URL.virtualHost,
];

export interface StreamOptions {
  readonly protocol: Protocol;
  readonly session: ProxySession;
  readonly pool: NamePool;
  readonly bodies: Bodies;
}

/** A response was answered: `error` says that it was rejected. */
export interface Answer {
  readonly typeUrl: string;
  readonly sent: SentResponse;
  readonly error: WireError | undefined;
}

export interface Outgoing {
  readonly subscription: Subscription;
  readonly plan: Plan;
}

export class Stream {
  readonly protocol: Protocol;
  readonly #session: ProxySession;
  readonly #pool: NamePool;
  readonly #bodies: Bodies;
  readonly #subs: Subscription[] = [];
  #generation: number;
  /** Since when something is kept back; undefined when nothing is. */
  #blockedSince: number | undefined;
  /** Clusters sent before endpoints were asked for. */
  #warming: readonly string[] | undefined;
  /** The client came back with what it had: it serves traffic already. */
  #resumed = false;

  constructor(options: StreamOptions) {
    this.protocol = options.protocol;
    this.#session = options.session;
    this.#generation = options.session.generation;
    this.#pool = options.pool;
    this.#bodies = options.bodies;
  }

  /** Something is kept back for the sake of order: ask `next` again within a second. */
  get blocked(): boolean {
    return this.#blockedSince !== undefined;
  }

  /** There may be something to send. False after most acknowledgements: whatever changes later is told by the session. */
  get due(): boolean {
    if (this.#session.generation !== this.#generation) return true;
    for (const sub of this.#subs) if (sub.started && !sub.idle) return true;
    return false;
  }

  /** Takes one request message and tells what it answered. `now`: milliseconds since the epoch. Throws WireFormatError. */
  receive(message: Uint8Array, now: number): Answer | undefined {
    if (this.protocol === 'delta') return this.receiveDelta(readDeltaRequest(message), now);
    return this.receiveSotw(readSotwRequest(message), now);
  }

  receiveDelta(request: DeltaRequest, now: number): Answer | undefined {
    const sub = this.#open(request.typeUrl);
    const sent = sub.inflight;
    if (request.initialVersions.size > 0) this.#resumed = true;
    const asked = applyDelta(sub, request, this.#pool, now);
    if (request.typeUrl === TYPE_URL.route)
      this.#tablesAsked(sub, sent && !sub.inflight ? [...asked, ...sub.rejections.healed] : [...asked]);
    if (request.typeUrl === TYPE_URL.endpoints) this.#warm(sub);
    return sent && !sub.inflight ? { typeUrl: request.typeUrl, sent, error: request.error } : undefined;
  }

  receiveSotw(request: SotwRequest, now: number): Answer | undefined {
    const sub = this.#open(request.typeUrl);
    const sent = sub.inflight;
    applySotw(sub, request, this.#pool, now);
    if (request.typeUrl === TYPE_URL.endpoints) this.#warm(sub);
    return sent && !sub.inflight ? { typeUrl: request.typeUrl, sent, error: request.error } : undefined;
  }

  /** The next response. Call `sent` with it when it is on its way, then ask again. Throws LostTrackError. */
  next(now: number): Outgoing | undefined {
    let blocked = false;
    const expired = this.#blockedSince !== undefined && now - this.#blockedSince >= GATE_LIMIT_MS;
    if (this.#session.generation !== this.#generation) this.#follow();
    for (const subscription of this.#subs) {
      if (!subscription.started || subscription.idle) continue;
      if (subscription.inflight && !this.#overdue(subscription, now)) continue;
      if (!expired && this.#mustWait(subscription)) {
        blocked = true;
        continue;
      }
      const hold = !expired && this.#mustKeep(subscription);
      const plan = subscription.plan(hold);
      if (hold && subscription.owes) blocked = true;
      if (plan) return { subscription, plan };
    }
    if (!blocked) this.#blockedSince = undefined;
    else this.#blockedSince ??= now;
    return undefined;
  }

  /** The session has other feeds: all subscriptions move at once, also those behind the one that is served next. */
  #follow(): void {
    this.#generation = this.#session.generation;
    for (const sub of this.#subs) sub.rebase(this.#feed(sub.typeUrl, sub.feed));
  }

  /** An outgoing response was handed to the transport. */
  sent({ subscription, plan }: Outgoing, now: number): void {
    subscription.commit(plan, now);
    if (subscription.typeUrl !== TYPE_URL.cluster) return;
    const touched = plan.touched ?? plan.body.present();
    if (touched.length > 0) this.#warming = touched;
    const endpoints = this.#find(TYPE_URL.endpoints);
    if (endpoints?.started) this.#warm(endpoints);
  }

  /** Clusters that were sent need their endpoints, also where the client had both before. */
  #warm(endpoints: Subscription): void {
    const warming = this.#warming?.filter((name) => endpoints.names.has(name));
    this.#warming = undefined;
    if (warming && warming.length > 0) endpoints.refresh(warming);
  }

  status(): SubscriptionStatus[] {
    return this.#subs.filter(({ started }) => started).map((sub) => sub.status());
  }

  /** Type URL and time of the oldest response that has no answer yet. */
  oldestUnanswered(): { readonly typeUrl: string; readonly at: number } | undefined {
    let oldest: { typeUrl: string; at: number } | undefined;
    for (const { typeUrl, inflight } of this.#subs) {
      if (inflight && (!oldest || inflight.at < oldest.at)) oldest = { typeUrl, at: inflight.at };
    }
    return oldest;
  }

  close(): void {
    for (const sub of this.#subs) sub.close();
  }

  #find(typeUrl: string): Subscription | undefined {
    for (const sub of this.#subs) if (sub.typeUrl === typeUrl) return sub;
    return undefined;
  }

  #open(typeUrl: string): Subscription {
    const known = this.#find(typeUrl);
    if (known) return known;
    const clusters = typeUrl === TYPE_URL.cluster;
    const listeners = typeUrl === TYPE_URL.listener;
    const sub = new Subscription({
      typeUrl,
      protocol: this.protocol,
      feed: this.#feed(typeUrl, undefined),
      none: this.#pool.empty,
      whole: this.protocol === 'sotw' && (clusters || listeners),
      partial: clusters || listeners,
    });
    if (typeUrl === TYPE_URL.virtualHost) sub.tables = this.#find(TYPE_URL.route)?.names;
    this.#subs.push(sub);
    this.#subs.sort((a, b) => rank(a.typeUrl) - rank(b.typeUrl));
    return sub;
  }

  #feed(typeUrl: string, present: Feed | undefined): Feed {
    const feed = this.#session.feed(typeUrl);
    if (feed) return feed;
    return present instanceof NoFeed ? present : new NoFeed(typeUrl, this.#bodies);
  }

  /** Route tables were asked for (again), or accepted at last: their virtual hosts follow them. */
  #tablesAsked({ names: tables }: Subscription, asked: readonly string[]): void {
    const hosts = this.#find(TYPE_URL.virtualHost);
    if (!hosts) return;
    hosts.tables = tables;
    if (!hosts.started || !hosts.wildcard || asked.length === 0) return;
    const prefixes = new Set(asked);
    const listed: string[] = [];
    for (const name of hosts.feed.names()) if (prefixes.has(name.slice(0, name.lastIndexOf('/')))) listed.push(name);
    const filled = new Set(listed.map((name) => name.slice(0, name.lastIndexOf('/'))));
    for (const table of prefixes) if (!filled.has(table)) listed.push(`${table}/-`);
    hosts.refresh(listed);
  }

  /** Listeners and routes follow the clusters that they may name; virtual hosts follow their tables. */
  #mustWait(sub: Subscription): boolean {
    const { typeUrl } = sub;
    if (typeUrl === TYPE_URL.virtualHost && this.#find(TYPE_URL.route)?.pending) return sub.pending;
    if (sub.responses === 0 && !this.#resumed) return false;
    if (typeUrl !== TYPE_URL.listener && typeUrl !== TYPE_URL.route && typeUrl !== TYPE_URL.virtualHost) return false;
    const clusters = this.#find(TYPE_URL.cluster);
    if (!clusters?.started || !(clusters.inflight?.adds || clusters.pending)) return false;
    return sub.pending;
  }

  /** Clusters leave when nothing names them any more, their endpoints after them, routes after listeners. */
  #mustKeep({ typeUrl }: Subscription): boolean {
    if (typeUrl === TYPE_URL.cluster) {
      return this.#busy(TYPE_URL.listener) || this.#busy(TYPE_URL.route) || this.#busy(TYPE_URL.virtualHost);
    }
    if (typeUrl === TYPE_URL.endpoints)
      return this.#busy(TYPE_URL.cluster) || this.#find(TYPE_URL.cluster)?.owes === true;
    if (typeUrl === TYPE_URL.route) return this.#busy(TYPE_URL.listener);
    return false;
  }

  /**
   * Envoy answers for clusters only when all are warm. One that never gets warm must not keep newer clusters away, so
   * after a while an unanswered response is given up for newer state.
   */
  #overdue(sub: Subscription, now: number): boolean {
    const overdue = sub.typeUrl === TYPE_URL.cluster && now - sub.inflight!.at >= OVERDUE_MS && sub.pending;
    if (overdue) sub.abandon();
    return overdue;
  }

  #busy(typeUrl: string): boolean {
    const sub = this.#find(typeUrl);
    return sub?.started === true && (sub.inflight !== undefined || sub.pending);
  }
}

function rank(typeUrl: string): number {
  const at = ORDER.indexOf(typeUrl);
  return at < 0 ? ORDER.length : at;
}

/** Stands in for types that nobody makes: whatever is asked for does not exist. */
class NoFeed implements Feed {
  readonly typeUrl: string;
  readonly wildcard = true;
  readonly revision = 0;
  readonly bodies: BodyCache;

  constructor(typeUrl: string, bodies: Bodies) {
    this.typeUrl = typeUrl;
    this.bodies = new BodyCache(bodies);
  }
  names(): Iterable<string> {
    return [];
  }
  get(): undefined {
    return undefined;
  }
  changesSince(): ReadonlySet<string> {
    return new Set();
  }
  want(): Disposable {
    return { [Symbol.dispose]: () => {} };
  }
}
