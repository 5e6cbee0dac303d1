import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { withLock } from './lock.ts';

const dir = mkdtempSync(join(tmpdir(), 'isthmus-lock-'));
afterAll(() => rmSync(dir, { recursive: true }));

test('works under one lock do not overlap', async () => {
  const path = join(dir, 'overlap');
  const events: string[] = [];
  const work = (name: string) =>
    withLock(path, async () => {
      events.push(`${name} in`);
      await new Promise(setImmediate);
      events.push(`${name} out`);
    });
  await Promise.all([work('a'), work('b'), work('c')]);
  expect(events.filter((_, i) => i % 2 === 0).map((event) => event.replace('in', 'out'))).toEqual(
    events.filter((_, i) => i % 2 === 1),
  );
});

test('a failure releases the lock and is passed on', async () => {
  const path = join(dir, 'failure');
  await expect(withLock(path, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(await withLock(path, async () => 'free')).toBe('free');
});

test('a holder that is killed holds nothing', async () => {
  const path = join(dir, 'killed');
  const script = `const { withLock } = await import(${JSON.stringify(join(import.meta.dirname, 'lock.ts'))});
    await withLock(${JSON.stringify(path)}, () => new Promise(() => console.log('held')));setInterval(() => {}, 1000)`;
  const holder = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  expect(() => execFileSync('flock', ['--nonblock', path, 'true'])).toThrow();
  let waited = false;
  const taken = withLock(path, async () => waited, {
    onWait: () => {
      waited = true;
      holder.kill('SIGKILL');
    },
  });
  expect(await taken).toBe(true);
});
