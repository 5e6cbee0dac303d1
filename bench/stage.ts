// One measured situation: objects, a control plane that reads them, proxies. Phases are played on it.
import type { Change, Mark } from './expectation.ts';
import type { Fleet } from './fleet.ts';
import type { Sizes } from './objects.ts';
import { quantiles } from './quantiles.ts';
import type { Measured } from './server.ts';
import { monotonic, type World } from './world.ts';

export interface Stage {
  readonly world: World;
  readonly server: Measured;
  readonly fleet: Fleet;
  readonly sizes: Sizes;
  readonly clients: number;
}

/** What a phase found. Milliseconds, seconds of processor time, bytes. */
export interface Result {
  readonly phase: string;
  readonly clients: number;
  /** Changes made, where that has a meaning. */
  readonly changes?: number;
  readonly wallMs?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly maxMs?: number;
  /** What writing a change took on average: it is part of the latency, and no control plane can do anything about it. */
  readonly writeMs?: number;
  /** Per change where there are changes, else of the phase. */
  readonly cpuSeconds: number;
  readonly bytes?: number;
  readonly bytesByType?: Readonly<Record<string, number>>;
  readonly messages?: number;
  readonly rss?: number;
  readonly peak?: number;
  readonly gc?: { readonly collections: number; readonly pauseMs: number; readonly longestMs: number };
  /** Receipts that did not come in time. */
  readonly missing?: number;
  /** Connections that broke during the phase and were made again. */
  readonly failures?: number;
  /** Latencies at the shares of all receipts that `SHARES` lists, for plots. */
  readonly quantiles?: readonly number[];
}

export interface Planned {
  readonly change: Omit<Change, 'id'>;
  /** Makes the change; resolves with the time of writing. */
  readonly write: () => Promise<number>;
  readonly namespaces?: string[];
  readonly kind?: 'sidecar' | 'router';
}

let ids = 0;

/** Makes a change and tells under which id it is awaited, when it was begun and how long it took. */
async function make({ fleet }: Stage, planned: Planned): Promise<{ id: number; at: number; tookMs: number }> {
  const id = ++ids;
  const { namespaces, kind } = planned;
  await fleet.ask({ do: 'expect', change: { ...planned.change, id }, namespaces, kind });
  const at = await planned.write();
  return { id, at, tookMs: monotonic() - at };
}

/** Runs something between two readings of all meters. */
export async function meter<T>(
  stage: Stage,
  run: () => Promise<T>,
): Promise<{
  value: T;
  reading: Pick<Result, 'wallMs' | 'cpuSeconds' | 'bytes' | 'bytesByType' | 'messages' | 'rss' | 'peak' | 'gc'>;
}> {
  const { server, fleet } = stage;
  await server.probe();
  await fleet.ask({ do: 'traffic' });
  server.resetPeak();
  const cpu = server.cpu();
  const begun = performance.now();
  const value = await run();
  const wallMs = performance.now() - begun;
  // The last answers are still on their way to the server.
  await pause(30);
  const cpuSeconds = server.cpu() - cpu;
  const { bytes, messages } = await fleet.ask({ do: 'traffic' });
  const { rss, peak } = server.memory();
  const probe = await server.probe();
  const gc = probe && { collections: probe.collections, pauseMs: probe.pauseMs, longestMs: probe.longestMs };
  return {
    value,
    reading: { wallMs, cpuSeconds, bytes: sum(bytes), bytesByType: bytes, messages: sum(messages), rss, peak, gc },
  };
}

/** Makes changes one at a time, each when the one before has arrived everywhere. */
export async function oneByOne(stage: Stage, phase: string, plan: readonly Planned[]): Promise<Result> {
  const latencies: number[] = [];
  let missing = 0;
  let writeMs = 0;
  const { reading } = await meter(stage, async () => {
    for (const planned of plan) {
      const { id, at, tookMs } = await make(stage, planned);
      writeMs += tookMs / plan.length;
      const [outcome] = await stage.fleet.ask({ do: 'wait', ids: [id], timeoutMs: 60_000 });
      for (const time of outcome!.times) latencies.push(time - at);
      missing += outcome!.missing;
    }
  });
  const { wallMs: _, ...rest } = reading;
  return {
    phase,
    clients: stage.clients,
    changes: plan.length,
    ...percentiles(latencies),
    writeMs,
    ...rest,
    cpuSeconds: reading.cpuSeconds / plan.length,
    bytes: reading.bytes! / plan.length,
    bytesByType: each(reading.bytesByType!, (total) => total / plan.length),
    messages: reading.messages! / plan.length,
    missing,
    quantiles: quantiles(latencies),
  };
}

/** Makes changes at a steady rate without waiting; the figures are those of the whole phase. */
export async function steadily(stage: Stage, phase: string, rate: number, plan: readonly Planned[]): Promise<Result> {
  const made: ReturnType<typeof make>[] = [];
  const { value, reading } = await meter(stage, async () => {
    const begun = performance.now();
    for (const [i, planned] of plan.entries()) {
      await pause(begun + (i * 1000) / rate - performance.now());
      made.push(make(stage, planned));
    }
    const all = await Promise.all(made);
    return { all, outcomes: await stage.fleet.ask({ do: 'wait', ids: all.map(({ id }) => id), timeoutMs: 120_000 }) };
  });
  const at = new Map(value.all.map((one) => [one.id, one.at]));
  const latencies = value.outcomes.flatMap(({ id, times }) => times.map((time) => time - at.get(id)!));
  const missing = value.outcomes.reduce((total, outcome) => total + outcome.missing, 0);
  return {
    phase,
    clients: stage.clients,
    changes: plan.length,
    ...reading,
    ...percentiles(latencies),
    missing,
    quantiles: quantiles(latencies),
  };
}

export function percentiles(values: readonly number[]): { p50Ms?: number; p99Ms?: number; maxMs?: number } {
  if (values.length === 0) return {};
  const sorted = Float64Array.from(values).sort();
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: sorted.at(-1)! };
}

export const pause = (ms: number): Promise<void> =>
  ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);

const each = (counts: Readonly<Record<string, number>>, change: (n: number) => number): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, change(count)]));

/** Marks of one kind. */
export const textMark = (text: string, ...types: Mark['types'][number][]): Mark => ({ text, types });
export const hexMark = (bytes: Uint8Array, ...types: Mark['types'][number][]): Mark => ({
  hex: Buffer.from(bytes).toString('hex'),
  types,
});
