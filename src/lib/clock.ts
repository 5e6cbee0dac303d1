// Time as a parameter: production uses the system's clock, tests move a manual one.
import { performance } from 'node:perf_hooks';

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds from some start, never going back. */
  monotonic(): number;
  /** Calls `run` once after `ms`; disposing first cancels. Timers do not keep the process alive. */
  after(ms: number, run: () => void): Disposable;
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
  sleep: (ms, signal) => sleepOn((run) => holdAfter(ms, run), signal),
};

/** A clock that stands still until `advance` is called; due timers run in order of time. */
export class ManualClock implements Clock {
  #now: number;
  #start: number;
  #timers: { at: number; run: () => void }[] = [];

  constructor(now = 1_700_000_000_000) {
    this.#now = now;
    this.#start = now;
  }
  now(): number {
    return this.#now;
  }
  monotonic(): number {
    return this.#now - this.#start;
  }
  after(ms: number, run: () => void): Disposable {
    const timer = { at: this.#now + Math.max(0, ms), run };
    this.#timers.push(timer);
    return {
      [Symbol.dispose]: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn((run) => this.after(ms, run), signal);
  }
  /** How many timers wait. */
  get pending(): number {
    return this.#timers.length;
  }
  /** Moves time forward by `ms`, running what falls due. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      let next: { at: number; run: () => void } | undefined;
      for (const timer of this.#timers) if (timer.at <= end && (!next || timer.at < next.at)) next = timer;
      if (!next) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = end;
  }
}

/** Like `systemClock.after`, but somebody waits for it, so the process stays. */
function holdAfter(ms: number, run: () => void): Disposable {
  const timer = setTimeout(run, ms);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

function sleepOn(after: (run: () => void) => Disposable, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = () => {
      timer[Symbol.dispose]();
      reject(signal?.reason);
    };
    const timer = after(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    signal?.addEventListener('abort', abort, { once: true });
  });
}
