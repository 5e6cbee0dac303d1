// Which clients share a response, and how long what was made for them is kept.
import { expect, test } from 'vitest';
import { TYPE_URL } from '../envoy/resource.ts';
import { BlockPool } from './blocks.ts';
import { Bodies } from './body.ts';
import { HandFeed, messageOf, readResponse } from './testing.ts';
import { frame } from './wire.ts';

const resource = (name: string) => ({ name, version: '1', body: Buffer.from(`${name}=1`) });

test('feeds that changed alike in one revision share a response; others do not', () => {
  const bodies = new Bodies();
  const [one, two, later] = [1, 1, 2].map((revision) => {
    const feed = new HandFeed(TYPE_URL.cluster, true, bodies);
    feed.store.set('own', resource('own'), revision);
    return feed;
  }) as [HandFeed, HandFeed, HandFeed];
  const same = frame(TYPE_URL.cluster, resource('a'));
  const contents = { frames: [same], removed: ['b'] };
  const body = one.bodies.get(one, 'delta', 'a', () => contents);
  expect(two.bodies.get(two, 'delta', 'a', () => contents)).toBe(body);
  expect(readResponse('delta', messageOf(body))).toMatchObject({ nonce: body.nonce, removed: ['b'] });
  const others = [
    two.bodies.get(two, 'sotw', 'a', () => contents),
    two.bodies.get(two, 'delta', 'a alone', () => ({ frames: [same], removed: [] })),
    two.bodies.get(two, 'delta', 'b', () => ({ frames: [], removed: ['a', 'b'] })),
    two.bodies.get(two, 'delta', 'again', () => ({ ...contents, frames: [frame(TYPE_URL.cluster, resource('a'))] })),
    later.bodies.get(later, 'delta', 'a', () => contents),
  ];
  expect(new Set([body, ...others]).size).toBe(6);
  expect(new Set([body, ...others].map(({ nonce }) => nonce)).size).toBe(6);
});

test('runs are kept while somebody needs them', () => {
  const frames = Array.from({ length: 500 }, (_, i) => frame(TYPE_URL.cluster, resource(`n${i}`)));
  const [needed, not] = [frames.slice(0, 250), frames.slice(250)];
  const pool = new BlockPool(1e6);
  pool.of(needed, 'delta');
  const { used } = pool;
  pool.of(not, 'delta');
  pool.rest();
  const { built } = pool;
  pool.of(needed, 'delta');
  pool.rest();
  expect([pool.used, pool.built]).toEqual([used, built]);
  pool.rest();
  expect(pool.used).toBe(0);
  pool.of(needed, 'delta');
  expect([pool.used, pool.built > built]).toEqual([used, true]);
});
