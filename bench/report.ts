// Results as lines and tables.
import type { Round } from './run.ts';
import type { Result } from './stage.ts';

export const milliseconds = (ms: number | undefined): string =>
  ms === undefined
    ? ''
    : ms >= 1000
      ? `${(ms / 1000).toFixed(2)} s`
      : ms >= 100
        ? `${ms.toFixed(0)} ms`
        : `${ms.toFixed(1)} ms`;

export const seconds = (s: number): string =>
  s >= 1 ? `${s.toFixed(2)} s` : s >= 0.1 ? `${(s * 1000).toFixed(0)} ms` : `${(s * 1000).toFixed(1)} ms`;

export const bytes = (n: number | undefined): string =>
  n === undefined
    ? ''
    : n >= 1e9
      ? `${(n / 1e9).toFixed(2)} GB`
      : n >= 1e6
        ? `${(n / 1e6).toFixed(1)} MB`
        : `${(n / 1e3).toFixed(1)} kB`;

export function resultLine(result: Result): string {
  const { phase, wallMs, p50Ms, p99Ms, maxMs, cpuSeconds, rss, peak, gc, missing } = result;
  const parts = [
    wallMs !== undefined && result.changes === undefined && `wall ${milliseconds(wallMs)}`,
    p50Ms !== undefined && `p50 ${milliseconds(p50Ms)} p99 ${milliseconds(p99Ms)} max ${milliseconds(maxMs)}`,
    `CPU ${seconds(cpuSeconds)}`,
    result.bytes !== undefined && bytes(result.bytes),
    result.messages !== undefined && `${result.messages.toFixed(0)} messages`,
    rss !== undefined && `RSS ${bytes(rss)} peak ${bytes(peak)}`,
    gc && `GC ${gc.collections} in ${milliseconds(gc.pauseMs)}, longest ${milliseconds(gc.longestMs)}`,
    missing ? `${missing} MISSING` : '',
  ];
  return `  ${phase.padEnd(28)} ${parts.filter(Boolean).join(' · ')}`;
}

const COLUMNS = ['phase', 'proxies', 'p50', 'p99', 'max', 'CPU', 'bytes', 'RSS', 'peak', 'GC (longest)'];

/** Markdown, one table for all rounds. */
export function tableOf(rounds: readonly Round[]): string {
  const rows = rounds.flatMap(({ name, results }) => results.map((result) => row(name, result)));
  return [COLUMNS, COLUMNS.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function row(round: string, r: Result): string[] {
  const name = round === 'changes' ? r.phase : `${r.phase} (${round})`;
  return [
    name,
    String(r.clients || ''),
    milliseconds(r.p50Ms),
    milliseconds(r.p99Ms),
    milliseconds(r.maxMs ?? r.wallMs),
    seconds(r.cpuSeconds),
    bytes(r.bytes),
    bytes(r.rss),
    bytes(r.peak),
    r.gc ? `${milliseconds(r.gc.pauseMs)} (${milliseconds(r.gc.longestMs)})` : '',
  ];
}
