import { Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createHistogram } from './histogram.ts';

test.each(['type', undefined])("says what the library's histogram says: label %s", async (label) => {
  const options = { name: 'size_bytes', help: 'Sizes.', buckets: [1, 10, 100] };
  const [ours, theirs] = [new Registry(), new Registry()];
  const plain = createHistogram({ ...options, label, registry: ours });
  const known = new Histogram({ ...options, labelNames: label ? [label] : [], registers: [theirs] });
  const empty = await ours.metrics();
  expect(empty).toBe(await theirs.metrics());
  for (const [type, value] of [
    ['cds', 0.5],
    ['cds', 10],
    ['eds', 10.5],
    ['cds', 1000],
    ['eds', 100],
  ] as const) {
    plain.observe(label ? type : '', value);
    known.observe(label ? { type } : {}, value);
  }
  expect(await ours.metrics()).toBe(await theirs.metrics());
  expect(await ours.metrics()).toContain(label ? 'size_bytes_bucket{le="+Inf",type="cds"} 3' : 'size_bytes_count 5');
  ours.resetMetrics();
  expect(await ours.metrics()).toBe(empty);
});
