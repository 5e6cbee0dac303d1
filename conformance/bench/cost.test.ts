// A guard against regressions in kind: the real control plane under a small load stays within bounds of processor time and
// of bytes. Nothing here looks at wall time, so that a busy machine cannot fail it.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startFleet } from '../../bench/fleet.ts';
import { meshObjects } from '../../bench/objects.ts';
import { coldSync, KINDS, singleChanges } from '../../bench/phases.ts';
import { startServer } from '../../bench/server.ts';
import type { Result } from '../../bench/stage.ts';
import { fileWorld } from '../../bench/world.ts';
import { BOUNDS, PROXIES, SIZES } from './bounds.ts';

const REPEATS = 6;
const results = new Map<string, Result>();
const scratch = mkdtempSync(join(tmpdir(), 'isthmus-cost-'));

beforeAll(async () => {
  const configDir = join(scratch, 'config');
  mkdirSync(configDir);
  const world = fileWorld(configDir);
  for (const part of meshObjects(SIZES)) await world.put(part);
  const server = await startServer({ objects: { configDir }, scratch });
  using fleet = startFleet();
  try {
    const stage = { world, server, fleet, sizes: SIZES, clients: PROXIES };
    const found = [await coldSync(stage), ...(await singleChanges(stage, REPEATS))];
    for (const result of found) results.set(result.phase, result);
  } finally {
    await server.stop();
  }
}, 60_000);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test('every kind of change has a bound', () => {
  expect(Object.keys(BOUNDS)).toEqual(['cold sync', ...KINDS.map(([phase]) => phase)]);
});

describe.each(Object.entries(BOUNDS))('%s', (phase, bound) => {
  test('reaches every proxy', () => expect(results.get(phase)?.missing).toBe(0));
  test(`costs at most ${bound.cpuSeconds} CPU-seconds`, () => {
    expect(results.get(phase)?.cpuSeconds).toBeLessThanOrEqual(bound.cpuSeconds);
  });
  test(`sends at most ${bound.bytes} bytes, and some`, () => {
    expect(results.get(phase)?.bytes).toBeGreaterThan(0);
    expect(results.get(phase)?.bytes).toBeLessThanOrEqual(bound.bytes);
  });
});
