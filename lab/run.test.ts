import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createProgress } from './progress.ts';
import { CommandError, run, tryRun } from './run.ts';

const dir = mkdtempSync(join(tmpdir(), 'isthmus-run-'));
afterAll(() => rmSync(dir, { recursive: true }));

test('a failure shows the command, its last lines and the log', async () => {
  const log = join(dir, 'failing.log');
  const failure = await run('sh', ['-c', 'seq 100; echo oops >&2; exit 7'], { log }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(CommandError);
  const { message } = failure as CommandError;
  expect(message).toContain('exit code 7: sh -c "seq 100; echo oops >&2; exit 7"');
  expect(message).toContain('    100\n    oops');
  expect(message).not.toMatch(/^\s+80$/m);
  expect(message).toContain(`whole log: ${log}`);
  expect(readFileSync(log, 'utf8')).toContain('\n1\n2\n');
});

test('output, input and environment', async () => {
  expect(await run('sh', ['-c', 'cat; echo "$WORD"; echo err >&2'], { input: 'in\n', env: { WORD: 'word' } })).toEqual({
    stdout: 'in\nword\n',
    stderr: 'err\n',
  });
});

test('a program that does not exist, or ends by a signal, is said so', async () => {
  await expect(run('no-such-program', [])).rejects.toThrow('could not run');
  await expect(run('sh', ['-c', 'kill -9 $$'])).rejects.toThrow('ended by SIGKILL');
  expect(await tryRun('false', [])).toBeUndefined();
});

test('progress counts from its start and marks failures', async () => {
  const lines: string[] = [];
  let now = 0;
  const progress = createProgress({ write: (line) => lines.push(line), now: () => now });
  await progress.step('first', async () => {
    now = 1500;
  });
  await expect(progress.step('second', () => Promise.reject(new Error('x')))).rejects.toThrow('x');
  expect(lines).toEqual(['    1.5s  ✓ first (1.5s)\n', '    1.5s  ✗ second (0.0s)\n']);
});
