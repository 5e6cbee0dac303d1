// A histogram for what happens tens of thousands of times a second: an observation is a look into a table and two additions.
// The library's own makes a text of the labels each time, which is a twentieth of what a response to a proxy costs.
import type { Metric, Registry } from 'prom-client';

export interface HistogramOptions {
  readonly name: string;
  readonly help: string;
  /** Upper bounds, ascending; +Inf is added. */
  readonly buckets: readonly number[];
  /** Name of the one label, if there is one. */
  readonly label?: string;
  readonly registry: Registry;
}

export interface PlainHistogram {
  /** Counts `observed` under the label's value ('' when there is no label). */
  observe(value: string, observed: number): void;
}

interface Series {
  /** Observations by the first bound that they do not exceed; the last place is +Inf. */
  readonly counts: Float64Array;
  sum: number;
}

/** Makes a histogram and registers it. */
export function createHistogram({ name, help, buckets, label, registry }: HistogramOptions): PlainHistogram {
  const series = new Map<string, Series>();
  const begin = (value: string): Series => {
    const fresh = { counts: new Float64Array(buckets.length + 1), sum: 0 };
    series.set(value, fresh);
    return fresh;
  };
  const reset = (): void => {
    series.clear();
    if (!label) begin('');
  };
  reset();
  const get = async () => {
    const values = [...series].flatMap(([value, { counts, sum }]) => {
      const labels = label ? { [label]: value } : {};
      let total = 0;
      const bounds = [...buckets, '+Inf'].map((le, i) => {
        total += counts[i]!;
        return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: total };
      });
      return [
        ...bounds,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: total },
      ];
    });
    return { name, help, type: 'histogram', aggregator: 'sum', values };
  };
  registry.registerMetric({ name, help, type: 'histogram', get, reset } as unknown as Metric);
  return {
    observe(value, observed) {
      const known = series.get(value) ?? begin(value);
      let bucket = 0;
      while (bucket < buckets.length && observed > buckets[bucket]!) bucket++;
      known.counts[bucket]!++;
      known.sum += observed;
    },
  };
}
