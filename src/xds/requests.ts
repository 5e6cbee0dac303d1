// What a request means for a subscription, in either protocol.
import { emptyTables } from './contents.ts';
import type { NamePool, NameSet } from './names.ts';
import type { Subscription } from './subscription.ts';
import type { DeltaRequest, SotwRequest } from './wire.ts';

export const WILDCARD = '*';

/**
 * Applies a delta request. Subscriptions count whatever nonce the request carries; a name that is subscribed again is sent
 * again, because the client may have forgotten it between two requests. Gives the names newly asked for.
 */
export function applyDelta(sub: Subscription, request: DeltaRequest, pool: NamePool, now: number): Iterable<string> {
  const first = !sub.started;
  if (request.nonce !== '') sub.answer(request.nonce, request.error, now);
  if (first) return beginDelta(sub, request, pool);
  if (request.subscribe.count === 0 && request.unsubscribe.count === 0) return [];
  const asked = request.subscribe.decode();
  const dropped = request.unsubscribe.decode();
  const add = asked.filter((name) => name !== WILDCARD);
  const remove = dropped.filter((name) => name !== WILDCARD);
  const wildcard = asked.includes(WILDCARD) || (sub.wildcard && !dropped.includes(WILDCARD));
  const begun = wildcard && (!sub.wildcard || asked.includes(WILDCARD));
  sub.subscribe(pool.edit(sub.names, add, remove), wildcard);
  if (begun) sub.refresh('all');
  sub.refresh(add);
  if (wildcard) sub.refresh(remove);
  return add;
}

/** The first request of a stream says all that the client wants and all that it has. */
function beginDelta(sub: Subscription, request: DeltaRequest, pool: NamePool): Iterable<string> {
  const all = pool.read(request.subscribe);
  const explicit = all.has(WILDCARD);
  const names = explicit ? pool.edit(all, [], [WILDCARD]) : all;
  const wildcard = explicit || (all.size === 0 && sub.feed.wildcard);
  sub.subscribe(names, wildcard);
  const had = request.initialVersions;
  if (had.size === 0) {
    sub.refresh('all');
    return names.values();
  }
  const differing: string[] = [];
  for (const name of had.keys()) if (sub.covers(name) && !sub.resource(name)) differing.push(name);
  const compare = (name: string): void => {
    const version = sub.resource(name)?.version;
    if (version === undefined ? !had.has(name) : had.get(name) !== version) differing.push(name);
  };
  for (const name of names.values()) compare(name);
  if (wildcard) {
    const hosts: string[] = [];
    for (const name of sub.feed.names()) {
      if (names.has(name) || !sub.inTables(name)) continue;
      hosts.push(name);
      compare(name);
    }
    if (sub.tables) differing.push(...emptyTables(sub.tables, hosts));
  }
  sub.refresh(differing);
  return names.values();
}

/**
 * Applies a state-of-the-world request. One with a stale nonce says nothing (the client will answer the newer response);
 * one without a nonce begins anew. Gives the names newly asked for.
 */
export function applySotw(sub: Subscription, request: SotwRequest, pool: NamePool, now: number): readonly string[] {
  const first = !sub.started;
  if (request.nonce !== '' && !first) {
    if (request.nonce !== sub.sent?.nonce) return [];
    sub.answer(request.nonce, request.error, now);
  }
  const all = pool.read(request.names);
  const explicit = all.has(WILDCARD);
  const names = explicit ? pool.edit(all, [], [WILDCARD]) : all;
  // No names at first means everything, and goes on meaning it until names are given.
  const legacy = all.size === 0 && sub.feed.wildcard && (first || (sub.wildcard && sub.names.size === 0));
  const wildcard = explicit || legacy;
  const added = newNames(sub, names);
  const grown = wildcard && !sub.wildcard;
  const shrunk = sub.whole && (names !== sub.names || wildcard !== sub.wildcard);
  sub.subscribe(names, wildcard);
  if (first || request.nonce === '' || grown || (sub.whole && (added.length > 0 || shrunk))) sub.refresh('all');
  else sub.refresh(added);
  return added;
}

function newNames(sub: Subscription, names: NameSet): string[] {
  if (names === sub.names) return [];
  const added: string[] = [];
  for (const name of names.values()) if (!sub.names.has(name)) added.push(name);
  return added;
}
