// The table of two control planes in one run: what stands in its cells, and what is said when something went wrong.
import { expect, test } from 'vitest';
import { besideTable, OTHER } from '../../bench/document/beside.ts';
import type { MeshResult } from '../../bench/document/records.ts';
import { FULL } from '../../bench/objects.ts';
import { provenance } from '../../bench/results.ts';

const result = (round: string, phase: string, more: Partial<MeshResult>): MeshResult => ({
  round,
  phase,
  sizes: FULL,
  clients: 200,
  cpuSeconds: 0.01,
  ...more,
});

test('a row for each phase that both sides have played', () => {
  const changed = { changes: 20, p50Ms: 10, p99Ms: 20, writeMs: 40, bytes: 2e6, peak: 3e8 };
  const results = [
    result('changes', 'endpoint change', changed),
    result('changes', 'Secret change', changed),
    result(OTHER, 'endpoint change', { ...changed, p99Ms: 250, cpuSeconds: 0.1, writeMs: 50, missing: 3 }),
    result('many proxies', 'cold sync', { clients: 500, wallMs: 5000, cpuSeconds: 4 }),
    result(`${OTHER}, many proxies`, 'cold sync', { clients: 500, wallMs: 80_000, cpuSeconds: 100, failures: 9 }),
  ];
  const [, , ...rows] = besideTable({ from: provenance(), results }).split('\n');
  expect(rows).toHaveLength(2);
  expect(rows[0]).toContain(
    '| endpoint change (reference: **3 receipts missing**; of it writing: 50.0 ms, 40.0 ms) | 200 |',
  );
  expect(rows[0]).toContain('| 250 ms ÷ 20.0 ms = 12.5× | 100 ms ÷ 10.0 ms = 10× | 2.0 MB ÷ 2.0 MB = 1× |');
  expect(rows[1]).toContain(
    '| cold sync (reference: 9 connections broke and came again) | 500 |  | 80.00 s ÷ 5.00 s = 16× |',
  );
});
