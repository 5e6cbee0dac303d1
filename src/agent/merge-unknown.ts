// Adds up samples that have become equal: Envoy counts each address on its own, and all that are no workload are `unknown` then.

const NOBODY = '_workload="unknown"';
const SAMPLE = /^(istio_[a-z_]+\{.*\}) (\S+)$/;

export interface Merger {
  /** The lines to write when this one comes. */
  next(line: string): string[];
  /** What is left at the end. */
  rest(): string[];
}

/**
 * Prometheus takes one sample of a name and labels, and wants the samples of a metric together: those of unknown workloads
 * are held back until the metric ends. Memory: their lines of one metric.
 */
export function mergeUnknown(): Merger {
  const held = new Map<string, number>();
  const rest = () => {
    const lines = [...held].map(([sample, value]) => `${sample} ${value}`);
    held.clear();
    return lines;
  };
  return {
    rest,
    next(line) {
      if (!line.startsWith('istio_')) return held.size > 0 ? [...rest(), line] : [line];
      const found = line.includes(NOBODY) ? SAMPLE.exec(line) : undefined;
      if (!found) return [line];
      held.set(found[1]!, (held.get(found[1]!) ?? 0) + Number(found[2]));
      return [];
    },
  };
}
