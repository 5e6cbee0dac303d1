// Another control plane beside ours, measured in the same run: what each phase cost there and here, and how many times as much.
import { bytes, count, markdown, milliseconds, seconds } from '../report.ts';
import type { Recorded } from '../results.ts';
import { type MeshResult, phase } from './records.ts';

/** The name that bench/run.ts gives the other one's rounds; a second one of other settings has a number behind it. */
export const OTHER = 'the other control plane';

/** A phase on both sides. */
export interface Both {
  readonly reference: MeshResult;
  readonly ours: MeshResult;
}

/** Undefined where one of them has not been measured. */
export function inSameRun(
  record: Recorded<MeshResult> | undefined,
  name: string,
  { many = false, other = OTHER } = {},
): Both | undefined {
  const ours = phase(record, many ? 'many proxies' : 'changes', name);
  const reference = phase(record, many ? `${other}, many proxies` : other, name);
  return ours && reference && { ours, reference };
}

type Read = (result: MeshResult) => number | undefined;

/** Latency where changes are made, else the time until the last proxy has everything. */
const longest: Read = (one) => (one.phase.startsWith('idle') ? undefined : one.changes ? one.p99Ms : one.wallMs);

export function besideTable(record: Recorded<MeshResult>, other = OTHER): string {
  const rows = [false, true].flatMap((many) =>
    record.results
      .filter(({ round }) => round === (many ? 'many proxies' : 'changes'))
      .flatMap(({ phase: name }) => inSameRun(record, name, { many, other }) ?? [])
      .map(({ reference, ours }) => {
        const cell = (read: Read, format: (value: number) => string): string => {
          const [theirs, own] = [read(reference), read(ours)];
          return theirs && own ? `${format(theirs)} ÷ ${format(own)} = ${count(theirs / own)}×` : '';
        };
        return [
          ours.phase + notes({ reference, ours }),
          String(ours.clients || ''),
          cell(({ changes, p50Ms }) => changes && p50Ms, milliseconds),
          cell(longest, milliseconds),
          cell(({ cpuSeconds }) => cpuSeconds, seconds),
          cell((one) => one.bytes, bytes),
          cell(({ peak }) => peak, bytes),
        ];
      }),
  );
  return markdown(['phase', 'proxies', 'p50', 'p99; wall', 'CPU', 'bytes', 'peak memory'], rows);
}

/** Writing that is worth a word, in milliseconds. */
const LONG_MS = 30;

/** What did not go well on either side, and how much of the latency was the API server's. */
function notes(both: Both): string {
  const writing = [both.reference.writeMs, both.ours.writeMs];
  const long = writing.every((ms) => ms !== undefined && ms >= LONG_MS);
  const found = Object.entries(both).flatMap(([side, { failures, missing }]) => [
    failures ? `${side}: ${failures} connections broke and came again` : '',
    missing ? `${side}: **${missing} receipts missing**` : '',
  ]);
  if (long) found.push(`of it writing: ${writing.map(milliseconds).join(', ')}`);
  const said = found.filter(Boolean).join('; ');
  return said && ` (${said})`;
}
