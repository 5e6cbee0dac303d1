// A hundred thousand latencies as the hundred numbers that a plot needs.

/** Shares of all values, from the least to the greatest. */
export const SHARES: readonly number[] = [...Array.from({ length: 100 }, (_, i) => i / 100), 0.995, 0.999, 1];

/** The value below which each of `SHARES` lies, to the hundredth; empty without values. */
export function quantiles(values: readonly number[]): number[] {
  if (values.length === 0) return [];
  const sorted = Float64Array.from(values).sort();
  return SHARES.map((share) => {
    const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
    return Math.round(value * 100) / 100;
  });
}
