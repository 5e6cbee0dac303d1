// The small helpers everything stands on.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test, vi } from 'vitest';
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.js';
import { ManualClock, systemClock } from './clock.ts';
import { deepEqual } from './equal.ts';
import { Scope } from './scope.ts';

test('deep equality of data, bytes, collections and protobuf messages', () => {
  const same: [unknown, unknown][] = [
    [Number.NaN, Number.NaN],
    [{ a: [1, { b: null }] }, { a: [1, { b: null }] }],
    [{ a: undefined, b: 1 }, { b: 1 }],
    [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
    [new Map([['k', { v: 1n }]]), new Map([['k', { v: 1n }]])],
    [new Set(['x']), new Set(['x'])],
    [new Date(5), new Date(5)],
    [
      create(ClusterSchema, { name: 'x' }),
      fromBinary(ClusterSchema, toBinary(ClusterSchema, create(ClusterSchema, { name: 'x' }))),
    ],
  ];
  for (const [a, b] of same) expect([a, deepEqual(a, b), deepEqual(b, a)]).toEqual([a, true, true]);
  const different: [unknown, unknown][] = [
    [1, '1'],
    [null, undefined],
    [{}, []],
    [{ a: 1 }, { b: 1 }],
    [{ a: undefined }, { b: 1 }],
    [[1], [1, 2]],
    [new Uint8Array([1]), new Uint8Array([2])],
    [new Map([['k', 1]]), new Map([['l', 1]])],
    [new Set([1]), new Set([2])],
    [new Date(5), new Date(6)],
    [create(ClusterSchema, { name: 'x' }), create(ClusterSchema, { name: 'y' })],
  ];
  for (const [a, b] of different) expect([a, deepEqual(a, b), deepEqual(b, a)]).toEqual([a, false, false]);
});

test('the manual clock runs due timers in order, and only those', async () => {
  const clock = new ManualClock();
  const ran: string[] = [];
  clock.after(30, () => ran.push('late'));
  clock.after(10, () => {
    ran.push('early');
    clock.after(5, () => ran.push('nested'));
  });
  clock.after(12, () => ran.push('cancelled'))[Symbol.dispose]();
  const slept = clock.sleep(20).then(() => ran.push('slept'));
  clock.advance(20);
  await slept;
  expect(ran).toEqual(['early', 'nested', 'slept']);
  expect(clock.pending).toBe(1);
  expect(clock.monotonic()).toBe(20);
});

test.each([
  ['system', systemClock],
  ['manual', new ManualClock()],
] as const)('an aborted sleep rejects: %s', async (_, clock) => {
  const controller = new AbortController();
  const slept = clock.sleep(60_000, controller.signal);
  controller.abort(new Error('enough'));
  await expect(slept).rejects.toThrow('enough');
  await expect(clock.sleep(1, controller.signal)).rejects.toThrow('enough');
});

test('a scope closes all it owns, last first, once, even when one fails', () => {
  const closed: string[] = [];
  const scope = new Scope();
  const signal = scope.signal();
  scope.defer(() => closed.push('first'));
  scope.defer(() => {
    throw new Error('stuck');
  });
  scope.defer(() => closed.push('last'));
  expect(() => scope[Symbol.dispose]()).toThrow('stuck');
  scope[Symbol.dispose]();
  expect(closed).toEqual(['last', 'first']);
  expect(signal.aborted).toBe(true);
  const late = vi.fn();
  scope.defer(late);
  expect(late).toHaveBeenCalledOnce();
});
