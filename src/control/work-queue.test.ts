import { expect, test } from 'vitest';
import { ManualClock } from '../lib/clock.ts';
import { createWorkQueue } from './work-queue.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('works on each key once, and again when asked while in work', async () => {
  const log: string[] = [];
  const release: (() => void)[] = [];
  using queue = createWorkQueue({
    clock: new ManualClock(),
    concurrency: 1,
    work: async (key) => {
      log.push(key);
      await new Promise<void>((resolve) => release.push(resolve));
    },
  });
  for (const key of ['a', 'b', 'b', 'a']) queue.add(key);
  expect(log).toEqual(['a']);
  release.shift()!();
  await turn();
  release.shift()!();
  await turn();
  release.shift()!();
  await turn();
  expect(log).toEqual(['a', 'b', 'a']);
  expect(queue.length).toBe(0);
});

test('tries a failure again, later each time, and leaves others alone', async () => {
  const clock = new ManualClock();
  const log: string[] = [];
  const errors: string[] = [];
  using queue = createWorkQueue({
    clock,
    random: () => 1,
    work: async (key) => {
      log.push(key);
      if (key === 'bad' && log.filter((entry) => entry === 'bad').length < 3) throw new Error('no');
    },
    onError: (_, key) => errors.push(key),
  });
  queue.add('bad');
  queue.add('good');
  await turn();
  expect(log).toEqual(['bad', 'good']);
  clock.advance(500);
  await turn();
  clock.advance(500);
  await turn();
  expect(log).toEqual(['bad', 'good', 'bad']);
  clock.advance(500);
  await turn();
  expect(log).toEqual(['bad', 'good', 'bad', 'bad']);
  expect(errors).toEqual(['bad', 'bad']);
  clock.advance(3_600_000);
  await turn();
  expect(log).toHaveLength(4);
});
