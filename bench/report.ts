// Results as lines and tables.
import type { Round } from './run.ts';
import { TYPE_NAMES } from './skim.ts';
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

/** How many times as much. */
export const count = (value: number): string =>
  (value >= 100 ? value.toFixed(0) : value.toFixed(1)).replace(/\.0$/, '');

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
    result.failures ? `${result.failures} connections broke` : '',
    missing ? `${missing} MISSING` : '',
  ];
  return `  ${phase.padEnd(28)} ${parts.filter(Boolean).join(' · ')}`;
}

export const COLUMNS = ['phase', 'proxies', 'p50', 'p99', 'max', 'CPU', 'bytes', 'RSS', 'peak', 'GC (longest)'];

/** Markdown, one table for all rounds, and one of what the bytes were. */
export function tableOf(rounds: readonly Round[]): string {
  const all = rounds.flatMap(({ name, results }) => results.map((result) => ({ round: name, ...result })));
  return `${markdown(
    COLUMNS,
    all.map((result) => row(result)),
  )}\n\n${bytesTable(all)}`;
}

/** Bytes and messages by type of resource, of phases in which there were any; per change where there are changes. */
export function bytesTable(results: readonly RoundResult[]): string {
  const rows = results
    .filter(({ bytes }) => bytes)
    .map((result) => [
      nameOf(result),
      bytes(result.bytes),
      String(Math.round(result.messages ?? 0)),
      ...TYPE_NAMES.map((type) => (result.bytesByType?.[type] ? bytes(result.bytesByType[type]) : '')),
    ]);
  return markdown(['phase', 'bytes', 'messages', ...TYPE_NAMES], rows);
}

export function markdown(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** A result, and the round that it belongs to. */
export type RoundResult = Result & { readonly round: string };

/** The phase, the round when it is not the usual one, and what did not go well. */
function nameOf({ round, phase, failures, missing }: RoundResult): string {
  const notes = [
    round === 'changes' ? '' : round,
    failures ? `${failures} connections broke and came again` : '',
    missing ? `**${missing} receipts missing**` : '',
  ].filter(Boolean);
  return notes.length > 0 ? `${phase} (${notes.join('; ')})` : phase;
}

export function row(r: RoundResult): string[] {
  return [
    nameOf(r),
    String(r.clients || ''),
    milliseconds(r.p50Ms),
    milliseconds(r.p99Ms),
    r.phase.startsWith('idle') ? '' : milliseconds(r.maxMs ?? r.wallMs),
    seconds(r.cpuSeconds),
    r.bytes ? bytes(r.bytes) : '',
    bytes(r.rss),
    bytes(r.peak),
    r.gc?.collections ? `${milliseconds(r.gc.pauseMs)} (${milliseconds(r.gc.longestMs)})` : '',
  ];
}
