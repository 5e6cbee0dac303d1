// Every record of behaviour, as tests: one for the objects coming at once, one for an edit that leads to them.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadRecords } from './record.ts';
import type { Outcome } from './run.ts';

const records = loadRecords(join(import.meta.dirname, 'records'));
const reason =
  process.platform !== 'linux' ? 'needs Linux' : process.getuid?.() !== 0 ? 'needs root, for network namespaces' : '';

describe.skipIf(reason !== '')(`behaviour${reason && ` (skipped: ${reason})`}`, () => {
  const outcomes = new Map<string, Outcome>();
  const waiting = new Map<string, (outcome: Outcome | undefined) => void>();
  let ended = false;
  let output = '';
  let stop = () => {};

  beforeAll(() => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'run.ts')], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, OUTCOMES: '3' },
    });
    stop = () => child.kill();
    for (const stream of [child.stdout, child.stderr]) stream!.on('data', (data) => (output += data));
    createInterface({ input: child.stdio[3] as Readable }).on('line', (line) => {
      const outcome: Outcome = JSON.parse(line);
      const key = `${outcome.record} (${outcome.way})`;
      outcomes.set(key, outcome);
      waiting.get(key)?.(outcome);
    });
    child.on('close', () => {
      ended = true;
      for (const answer of waiting.values()) answer(undefined);
    });
  });
  afterAll(() => stop());

  for (const { name } of records) {
    it.each(['fresh', 'edited'])(`${name} (%s)`, async (way) => {
      const key = `${name} (${way})`;
      const outcome =
        outcomes.get(key) ??
        (ended ? undefined : await new Promise<Outcome | undefined>((resolve) => waiting.set(key, resolve)));
      if (!outcome) throw new Error(`the run ended without this record:\n${output.slice(-2000)}`);
      expect(outcome.problems).toEqual([]);
    });
  }
});
