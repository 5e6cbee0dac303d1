import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { identify, isAlive, ownLineage, parseStat } from './proc.ts';

test('a command name with spaces and parentheses does not shift the fields', () => {
  const fields = ['S', '42', ...Array.from({ length: 17 }, (_, i) => String(i)), '987654', '0'];
  expect(parseStat(`7 (tmux: (server) x) ${fields.join(' ')}`)).toEqual({
    state: 'S',
    parent: 42,
    startTime: '987654',
  });
});

describe.skipIf(process.platform !== 'linux')('on Linux', () => {
  test('a process is alive until it ends, and another with its pid is not it', async () => {
    const child = spawn('sleep', ['60']);
    const identity = identify(child.pid!)!;
    expect(isAlive(identity)).toBe(true);
    expect(isAlive({ ...identity, startTime: '1' })).toBe(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isAlive(identity)).toBe(false);
    expect(identify(child.pid!)).toBeUndefined();
  });

  test('the lineage holds this process and its parents', () => {
    expect(ownLineage().has(process.pid)).toBe(true);
    expect(ownLineage().has(process.ppid)).toBe(true);
  });
});
