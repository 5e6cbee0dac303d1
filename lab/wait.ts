// Waiting for something to become true.
import { setTimeout as sleep } from 'node:timers/promises';

/** Options of {@link waitFor}. */
export interface WaitOptions {
  /** What is awaited, for the error. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly everyMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Asks `probe` until it resolves with true. A string says what is missing; a rejection counts as "not yet" and its
 * message as what is missing, except one marked by {@link giveUp}. Rejects when the time is up.
 */
export async function waitFor(probe: () => Promise<true | string>, options: WaitOptions): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  let missing = '';
  for (;;) {
    try {
      const answer = await probe();
      if (answer === true) return;
      missing = answer;
    } catch (error) {
      if (error instanceof GiveUp) throw error.cause;
      missing = (error as Error).message;
    }
    if (performance.now() > deadline) {
      throw new Error(`${options.what}: not after ${options.timeoutMs / 1000} s (${missing})`);
    }
    await sleep(options.everyMs ?? 200, undefined, { signal: options.signal });
  }
}

class GiveUp extends Error {}

/** Runs a check inside a probe whose failure ends the wait at once. */
export function giveUp(check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new GiveUp('', { cause: error });
  }
}
