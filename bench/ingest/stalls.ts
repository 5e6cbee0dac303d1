// How long the event loop did not come round: a timer every 5 ms, and what was late.

export interface Stalls {
  /** Milliseconds that a timer of 5 ms was late, at worst. */
  readonly longestMs: number;
  /** Of that, milliseconds in which this thread had a processor; the rest went to others on the machine. */
  readonly longestCpuMs: number;
  /** Lateness of more than 50 ms. */
  readonly over50: number;
  /** Of processor time, without what others took. */
  readonly over50Cpu: number;
}

const EVERY_MS = 5;

/** Watches until disposed of. `take` tells of the time since the last call. */
export function watchStalls(): { take(): Stalls } & Disposable {
  let longestMs = 0;
  let longestCpuMs = 0;
  let over50 = 0;
  let over50Cpu = 0;
  const spent = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  let at = performance.now();
  let cpu = spent();
  const tick = (): void => {
    const [now, nowCpu] = [performance.now(), spent()];
    const late = now - at - EVERY_MS;
    const lateCpu = nowCpu - cpu - EVERY_MS;
    [at, cpu] = [now, nowCpu];
    longestMs = Math.max(longestMs, late);
    longestCpuMs = Math.max(longestCpuMs, lateCpu);
    if (late > 50) over50++;
    if (lateCpu > 50) over50Cpu++;
  };
  const timer = setInterval(tick, EVERY_MS);
  return {
    take() {
      tick();
      const taken = { longestMs, longestCpuMs, over50, over50Cpu };
      longestMs = longestCpuMs = over50 = over50Cpu = 0;
      return taken;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
