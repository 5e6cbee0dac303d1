import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { turn } from './turns.ts';

test('one caller a turn of the event loop, in the order of their calls', async () => {
  const seen: string[] = [];
  const works = ['a', 'b', 'c'].map(async (name) => {
    await turn();
    seen.push(name);
  });
  const loop = (async () => {
    for (let i = 0; i < 3; i++) {
      await setImmediate();
      seen.push('loop');
    }
  })();
  await Promise.all([...works, loop]);
  expect(seen).toEqual(['a', 'loop', 'b', 'loop', 'c', 'loop']);
});

test('goes on after having been empty', async () => {
  await turn();
  await setImmediate();
  await turn();
});
