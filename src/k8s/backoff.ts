// How long to wait before trying again: exponential, with jitter so that many clients do not come back together.
import { setTimeout as sleepFor } from 'node:timers/promises';

export interface BackoffOptions {
  readonly firstMs?: number;
  readonly maxMs?: number;
  readonly random?: () => number;
}

export interface Backoff {
  /** Next pause in ms; grows with every call. */
  next(): number;
  reset(): void;
}

/** Doubles from `firstMs` to `maxMs`; each pause is drawn from the upper half of its range. */
export function createBackoff({ firstMs = 200, maxMs = 30_000, random = Math.random }: BackoffOptions = {}): Backoff {
  let attempt = 0;
  return {
    next: () => {
      const ceiling = Math.min(maxMs, firstMs * 2 ** attempt);
      attempt = Math.min(attempt + 1, 30);
      return Math.round(ceiling * (0.5 + random() / 2));
    },
    reset: () => {
      attempt = 0;
    },
  };
}

export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

/** Waits; returns early, without error, when `signal` fires. */
export const sleep: Sleep = async (ms, signal) => {
  await sleepFor(ms, undefined, { signal, ref: false }).catch(() => {});
};
