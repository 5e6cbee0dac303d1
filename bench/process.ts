// What the kernel knows of a process: processor time and memory.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/**
 * Processor seconds of all threads so far, to the nanosecond (/proc/PID/task/TID/schedstat); where the kernel does not count
 * these, from /proc/PID/stat in hundredths. Threads that have ended are only in the latter, so the greater one is taken.
 */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = (Number(fields[11]) + Number(fields[12])) / 100;
  let exact = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      exact += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9;
    }
  } catch {
    return ticks;
  }
  // Ticks are sampled: they may be ahead by a little without any thread having ended.
  return ticks - exact > 0.2 ? ticks : exact;
}

export interface Memory {
  /** Bytes. */
  readonly rss: number;
  /** Highest resident size since the start or the last `resetPeak`. */
  readonly peak: number;
}

/** Resident memory that is the process's own, and pages of files (its program, above all), which processes share. Bytes. */
export function residentKinds(pid: number): { readonly anonymous: number; readonly file: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return { anonymous: read('RssAnon'), file: read('RssFile') };
}

export function memory(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return { rss: read('VmRSS'), peak: read('VmHWM') };
}

/** Starts the measurement of the peak anew; without the right to do so the peak is that since the start. */
export function resetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // Only root may: the figure then says less, not something wrong.
  }
}
