import { expect, test } from 'vitest';
import { type ChangeTarget, createChangeQueue } from './change-queue.ts';

function setup(options: { sliceMs?: number; now?: () => number } = {}) {
  const log: string[] = [];
  const runs: (() => void)[] = [];
  const errors: string[] = [];
  const target: ChangeTarget = {
    apply: (cluster, object) => {
      if (object.metadata?.name === 'bad') throw new Error('no');
      log.push(`${cluster}+${object.metadata?.name}@${object.metadata?.resourceVersion}`);
    },
    remove: (cluster, name) => log.push(`${cluster}-${name.name}`),
    removeCluster: (cluster) => log.push(`${cluster}!`),
  };
  const queue = createChangeQueue({
    target,
    batch: (writes) => {
      writes();
      log.push('|');
    },
    schedule: (run) => runs.push(run),
    onError: (_, object) => errors.push(object),
    ...options,
  });
  return { log, runs, errors, queue };
}

const pod = (name: string, resourceVersion = '1') => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'n', resourceVersion },
});

test('applies only the newest change of an object, all together', () => {
  const { log, runs, queue } = setup();
  queue.apply('a', pod('p', '1'));
  queue.apply('b', pod('p', '9'));
  queue.apply('a', pod('p', '2'));
  queue.remove('a', { kind: 'Pod', apiVersion: 'v1', namespace: 'n', name: 'q' });
  expect(runs).toHaveLength(1);
  runs[0]!();
  expect(log).toEqual(['b+p@9', 'a+p@2', 'a-q', '|']);
});

test('removing a cluster drops what of it still waits, and nothing else', async () => {
  const { log, runs, queue } = setup();
  queue.apply('a', pod('p'));
  queue.apply('b', pod('p'));
  queue.removeCluster('a');
  const settled = queue.settled();
  runs[0]!();
  await settled;
  expect(log).toEqual(['a!', '|', 'b+p@1', '|']);
});

test('an object that cannot be applied harms no other', () => {
  const { log, runs, errors, queue } = setup();
  queue.apply('a', pod('bad'));
  queue.apply('a', pod('good'));
  runs[0]!();
  expect(log).toEqual(['a+good@1', '|']);
  expect(errors).toEqual(['a /Pod/n/bad']);
});

test('gives others a turn when there is much to apply', () => {
  let time = 0;
  const { log, runs, queue } = setup({ sliceMs: 2, now: () => time++ });
  for (const name of ['a', 'b', 'c']) queue.apply('x', pod(name));
  while (runs.length) runs.shift()!();
  expect(log).toEqual(['x+a@1', 'x+b@1', '|', 'x+c@1', '|']);
  expect(queue.length).toBe(0);
});
