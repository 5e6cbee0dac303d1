// Things to put right, by name: each name waits at most once, a few are worked on at a time, failures are tried again later.
import { type Backoff, createBackoff } from '../k8s/backoff.ts';
import type { Clock } from '../lib/clock.ts';

export interface WorkQueueOptions {
  /** Brings one thing into its right state; must be safe to repeat. */
  readonly work: (key: string, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly concurrency?: number;
  readonly onError?: (error: unknown, key: string) => void;
  readonly random?: () => number;
}

export interface WorkQueue extends Disposable {
  /** Asks for `key` to be worked on; asking again before that changes nothing. */
  add(key: string): void;
  readonly length: number;
}

/** Makes the queue. It holds each key once, so it is bounded by the number of things. */
export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { work, clock, concurrency = 4, onError } = options;
  const stop = new AbortController();
  const waiting = new Set<string>();
  const working = new Set<string>();
  const failing = new Map<string, { backoff: Backoff; timer: Disposable | undefined }>();

  const add = (key: string): void => {
    if (stop.signal.aborted) return;
    failing.get(key)?.timer?.[Symbol.dispose]();
    waiting.add(key);
    pump();
  };
  const pump = (): void => {
    for (const key of waiting) {
      if (working.size >= concurrency) return;
      // Asked for again while in work: once more, but not at the same time.
      if (working.has(key)) continue;
      waiting.delete(key);
      working.add(key);
      void run(key);
    }
  };
  const run = async (key: string): Promise<void> => {
    try {
      await work(key, stop.signal);
      failing.delete(key);
    } catch (error) {
      if (stop.signal.aborted) return;
      onError?.(error, key);
      const backoff =
        failing.get(key)?.backoff ?? createBackoff({ firstMs: 500, maxMs: 60_000, random: options.random });
      failing.set(key, { backoff, timer: clock.after(backoff.next(), () => add(key)) });
    } finally {
      working.delete(key);
      if (!stop.signal.aborted) pump();
    }
  };

  return {
    add,
    get length() {
      return waiting.size + working.size;
    },
    [Symbol.dispose]() {
      stop.abort();
      waiting.clear();
      for (const { timer } of failing.values()) timer?.[Symbol.dispose]();
      failing.clear();
    },
  };
}
