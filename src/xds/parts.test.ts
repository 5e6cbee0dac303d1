// The parts of the serving layer one by one: messages on the wire, shared name sets, change logs, shared runs, admission.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../gen/envoy/service/discovery/v3/discovery_pb.js';
import { Admission, type Admitted } from './admission.ts';
import { BlockPool } from './blocks.ts';
import { FeedStore } from './feed-store.ts';
import { NamePool } from './names.ts';
import {
  deltaSize,
  frame,
  readDeltaRequest,
  readSotwRequest,
  responseTail,
  sotwSize,
  WireFormatError,
  writeDelta,
  writeSotw,
} from './wire.ts';

const TYPE = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
const word = fc.string({ unit: 'grapheme', maxLength: 200 });

test('delta requests read as the generated code reads them', () => {
  fc.assert(
    fc.property(
      fc.record({
        typeUrl: word,
        resourceNamesSubscribe: fc.array(word),
        resourceNamesUnsubscribe: fc.array(word),
        initialResourceVersions: fc.dictionary(word, word, { noNullPrototype: true }),
        responseNonce: word,
      }),
      fc.option(fc.record({ code: fc.nat(16), message: word }), { nil: undefined }),
      (fields, errorDetail) => {
        const message = toBinary(
          DeltaDiscoveryRequestSchema,
          create(DeltaDiscoveryRequestSchema, { ...fields, errorDetail }),
        );
        const read = readDeltaRequest(message);
        expect(read.subscribe.decode()).toEqual(fields.resourceNamesSubscribe);
        expect(read.subscribe.count).toBe(fields.resourceNamesSubscribe.length);
        expect(read.unsubscribe.decode()).toEqual(fields.resourceNamesUnsubscribe);
        expect(Object.fromEntries(read.initialVersions)).toEqual(fields.initialResourceVersions);
        expect([read.typeUrl, read.nonce, read.error]).toEqual([fields.typeUrl, fields.responseNonce, errorDetail]);
      },
    ),
  );
});

test('state-of-the-world requests read as the generated code reads them, fields in any order', () => {
  const first = toBinary(
    DiscoveryRequestSchema,
    create(DiscoveryRequestSchema, { resourceNames: ['a'], typeUrl: TYPE }),
  );
  const second = toBinary(
    DiscoveryRequestSchema,
    create(DiscoveryRequestSchema, {
      resourceNames: ['b', 'ü'],
      versionInfo: '7',
      responseNonce: 'n',
      node: { id: 'x' },
    }),
  );
  const read = readSotwRequest(Buffer.concat([first, second]));
  expect(read.names.decode()).toEqual(['a', 'b', 'ü']);
  expect([read.typeUrl, read.version, read.nonce, read.node?.length]).toEqual([TYPE, '7', 'n', 3]);
});

test('garbage is a format error, never a wrong read beyond the message', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      for (const read of [readDeltaRequest, readSotwRequest]) {
        try {
          const request = read(bytes);
          for (const list of Object.values(request)) if (typeof list?.decode === 'function') list.decode();
        } catch (error) {
          expect(error).toBeInstanceOf(WireFormatError);
        }
      }
    }),
    { numRuns: 1000 },
  );
});

test('responses are what the generated code writes, in one piece or in runs', () => {
  const body = Buffer.alloc(300, 7);
  const frames = ['one', 'zwei', 'ü'].map((name) => frame(TYPE, { name, version: `v-${name}`, body }));
  const parts = { version: '12', typeUrl: TYPE, nonce: 'z', frames, removed: ['gone', 'weg'] };
  const pool = new BlockPool(1e6);
  for (const bytes of [writeDelta(parts), Buffer.concat([...pool.of(frames, 'delta'), responseTail(parts)])]) {
    expect(bytes.length).toBe(deltaSize(parts));
    const read = fromBinary(DeltaDiscoveryResponseSchema, bytes);
    expect(
      read.resources.map(({ name, version, resource }) => [name, version, resource?.typeUrl, resource?.value.length]),
    ).toEqual([
      ['one', 'v-one', TYPE, 300],
      ['zwei', 'v-zwei', TYPE, 300],
      ['ü', 'v-ü', TYPE, 300],
    ]);
    expect([read.systemVersionInfo, read.nonce, read.removedResources]).toEqual(['12', 'z', ['gone', 'weg']]);
  }
  const whole = { ...parts, removed: [] };
  for (const bytes of [writeSotw(whole), Buffer.concat([...pool.of(frames, 'sotw'), responseTail(whole)])]) {
    expect(bytes.length).toBe(sotwSize(whole));
    const read = fromBinary(DiscoveryResponseSchema, bytes);
    expect(read.resources.map(({ typeUrl, value }) => [typeUrl, value.length])).toEqual(frames.map(() => [TYPE, 300]));
    expect([read.versionInfo, read.typeUrl, read.nonce]).toEqual(['12', TYPE, 'z']);
  }
});

test('runs are shared between lists that differ in a few resources, and leave within the budget', () => {
  const frames = Array.from({ length: 1000 }, (_, i) =>
    frame(TYPE, { name: `n${i}`, version: '1', body: Buffer.alloc(900) }),
  );
  const pool = new BlockPool(1e6);
  const all = pool.of(frames, 'delta');
  const { built } = pool;
  const changed = [...frames];
  changed[500] = frame(TYPE, { name: 'n500', version: '2', body: Buffer.alloc(900) });
  const again = pool.of([...changed, frames[0]!], 'delta');
  expect(pool.built - built).toBeLessThanOrEqual(3);
  expect(again.filter((block) => all.includes(block)).length).toBeGreaterThan(10);
  expect(Buffer.concat(again).length).toBe(Buffer.concat(all).length + frames[0]!.head.length + frames[0]!.body.length);
  const small = new BlockPool(100_000);
  small.of(frames, 'delta');
  expect(small.used).toBeLessThanOrEqual(100_000);
});

test('equal sets are one object, from names, from bytes in any order, and by edits', () => {
  const pool = new NamePool();
  const names = Array.from({ length: 40 }, (_, i) => `name-${i}`);
  const raw = (list: string[]) =>
    readDeltaRequest(
      toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, { resourceNamesSubscribe: list })),
    ).subscribe;
  const set = pool.of(names);
  expect(pool.read(raw(names))).toBe(set);
  expect(pool.read(raw([...names].reverse()))).toBe(set);
  const grown = pool.edit(set, ['more'], []);
  expect(pool.edit(set, ['more', 'name-1'], ['absent'])).toBe(grown);
  expect(pool.edit(grown, [], ['more'])).toBe(set);
  expect(pool.edit(set, ['name-1'], ['name-1'])).toBe(set);
  expect([grown.size, grown.has('more'), set.has('more')]).toEqual([41, true, false]);
  expect(pool.edit(pool.of(['x']), [], ['x'])).toBe(pool.empty);
});

test('the log of a store answers as a full comparison would', () => {
  const write = fc.record({ name: fc.integer({ min: 0, max: 7 }), version: fc.option(fc.nat(3), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(fc.array(write, { maxLength: 4 }), { maxLength: 30 }), (revisions) => {
      const store = new FeedStore(TYPE);
      const history: Map<string, string>[] = [new Map()];
      const log: Set<string>[] = [new Set()];
      for (const [i, writes] of revisions.entries()) {
        const state = new Map(history[i]);
        const touched = new Set<string>();
        for (const { name: n, version } of writes) {
          const name = `n${n}`;
          const resource = version === undefined ? undefined : { name, version: `v${version}`, body: Buffer.alloc(1) };
          if (store.set(name, resource, i + 1)) touched.add(name);
          if (resource) state.set(name, resource.version);
          else state.delete(name);
        }
        history.push(state);
        log.push(touched);
      }
      expect(new Map([...store.names()].map((name) => [name, store.get(name)!.version]))).toEqual(history.at(-1));
      for (let since = 0; since <= revisions.length; since++) {
        const expected = new Set(log.slice(since + 1).flatMap((names) => [...names]));
        expect(store.changesSince(since)).toEqual(expected);
        expect(store.changesSince(since)).toBe(store.changesSince(since));
      }
    }),
  );
});

test('a store forgets only what was removed long ago, and says so', () => {
  const store = new FeedStore(TYPE);
  let revision = 0;
  for (let i = 0; i < 50_000; i++) {
    store.set(`n${i}`, { name: `n${i}`, version: '1', body: Buffer.alloc(1) }, ++revision);
    store.set(`n${i}`, undefined, ++revision);
  }
  store.set('stays', { name: 'stays', version: '1', body: Buffer.alloc(1) }, ++revision);
  expect(store.changesSince(1)).toBeUndefined();
  expect(store.changesSince(revision - 1)).toEqual(new Set(['stays']));
  expect(store.changesSince(revision - 3)).toEqual(new Set(['n49999', 'stays']));
});

test('large responses wait their turn, slow readers stop counting, and those that do not read are let go', () => {
  const admission = new Admission({ budget: 100, patience: 10, slowLimit: 150, stalledAfter: 50 });
  const client = () => ({ resume: vi.fn<() => void>(), stalled: vi.fn<() => void>() }) satisfies Admitted;
  const [a, b, c] = [client(), client(), client()];
  const done = admission.admit(a, 90, 0)!;
  expect(admission.admit(b, 20, 0)).toBeUndefined();
  expect(admission.admit(c, 5, 0)).toBeUndefined(); // nobody overtakes
  done();
  done();
  expect([admission.bytes, b.resume.mock.calls.length, c.resume.mock.calls.length]).toEqual([0, 1, 0]);
  expect(admission.admit(b, 500, 1)).toBeDefined(); // larger than the budget, but alone
  expect(admission.admit(c, 5, 1)).toBeUndefined();
  admission.tick(11);
  // Too much is slow: the others wait, and nobody is let go for being slow.
  expect(admission.admit(c, 5, 11)).toBeUndefined();
  admission.tick(50);
  expect([c.resume.mock.calls.length, b.stalled.mock.calls.length]).toEqual([0, 0]);
  admission.tick(51);
  expect(b.stalled).toHaveBeenCalledTimes(1);
  admission.forget(b);
  expect(c.resume).toHaveBeenCalledTimes(1);
  expect(admission.bytes).toBe(0);
  expect(admission.admit(c, 5, 12)).toBeDefined();
});
