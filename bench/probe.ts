// Loaded into the measured process before everything else (node --import): counts garbage collections, and on SIGUSR2 writes
// what it has counted since the last time to the file that ISTHMUS_BENCH_PROBE names.
import { writeFileSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';

export interface ProbeReport {
  /** Garbage collections, and the milliseconds they took: altogether and the longest. */
  readonly collections: number;
  readonly pauseMs: number;
  readonly longestMs: number;
  readonly heapUsed: number;
  readonly external: number;
}

const file = process.env.ISTHMUS_BENCH_PROBE;
// Killed or broken off, the bench leaves nothing behind.
process.on('disconnect', () => process.exit(1));
process.channel?.unref();
if (file) {
  let collections = 0;
  let pauseMs = 0;
  let longestMs = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      collections++;
      pauseMs += duration;
      longestMs = Math.max(longestMs, duration);
    }
  }).observe({ entryTypes: ['gc'] });
  process.on('SIGUSR2', () => {
    const { heapUsed, external } = process.memoryUsage();
    const report: ProbeReport = { collections, pauseMs, longestMs, heapUsed, external };
    writeFileSync(file, JSON.stringify(report));
    collections = 0;
    pauseMs = 0;
    longestMs = 0;
  });
}
