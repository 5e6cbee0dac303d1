// How long the event loop did not come round: a timer every 5 ms, and what was late.
import { readFileSync } from 'node:fs';

export interface Stalls {
  /** Milliseconds that a timer of 5 ms was late, at worst. */
  readonly longestMs: number;
  /** The same without the time in which this thread could have run but others had the machine's cores. */
  readonly longestOwnMs: number;
  /** Lateness of more than 50 ms, and that of our own doing. */
  readonly over50: number;
  readonly over50Own: number;
}

const EVERY_MS = 5;
const NONE: Stalls = { longestMs: 0, longestOwnMs: 0, over50: 0, over50Own: 0 };

/** Watches until disposed of. `take` tells of the time since the last call. */
export function watchStalls(): { take(): Stalls } & Disposable {
  let sum = NONE;
  let at = performance.now();
  let waited = queuedMs();
  const tick = (): void => {
    const [now, queued] = [performance.now(), queuedMs()];
    const late = now - at - EVERY_MS;
    const own = late - (queued - waited);
    [at, waited] = [now, queued];
    sum = {
      longestMs: Math.max(sum.longestMs, late),
      longestOwnMs: Math.max(sum.longestOwnMs, own),
      over50: sum.over50 + (late > 50 ? 1 : 0),
      over50Own: sum.over50Own + (own > 50 ? 1 : 0),
    };
  };
  const timer = setInterval(tick, EVERY_MS);
  return {
    take() {
      tick();
      const taken = sum;
      sum = NONE;
      return taken;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** Milliseconds that the main thread has waited for a core so far: the second number of its schedstat. */
function queuedMs(): number {
  const text = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8');
  return Number(text.split(' ')[1]) / 1e6;
}
