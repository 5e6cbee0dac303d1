// The targets of performance at mesh scale against what was measured: one row each, met or missed.
import { bytes, count, markdown, milliseconds, seconds } from '../report.ts';
import { inSameRun } from './beside.ts';
import { type MeshResult, phase, type Records } from './records.ts';
import { REFERENCE_CHANGES, REFERENCE_COLD } from './reference.ts';

interface Target {
  readonly what: string;
  readonly reference?: number;
  readonly ours: number | undefined;
  /** At most this much, or this many times less than the reference. */
  readonly limit?: number;
  readonly factor?: number;
  /** The same on both sides of one run (bench/document/beside.ts). */
  readonly same?: readonly [reference: number | undefined, ours: number | undefined];
  readonly format: (value: number) => string;
}

const megabytes = (value: number): string => `${value.toFixed(1)} MB`;
const times = (value: number): string => `${value.toFixed(2)}×`;

export function targetsTable(records: Records): string {
  const rows = targets(records).map(({ what, reference, ours, limit, factor, same, format }) => {
    const most = limit ?? reference! / factor!;
    const goal = factor === undefined ? `≤ ${format(most)}` : `≥ ${factor}× less`;
    const ratio = reference !== undefined && ours ? `${count(reference / ours)}×` : '';
    const verdict = ours === undefined ? 'not measured' : ours <= most ? 'met' : '**missed**';
    return [
      what,
      reference === undefined ? '' : format(reference),
      goal,
      ours === undefined ? '' : format(ours),
      ratio,
      verdict,
      same ? sameRun(same, limit, factor, format) : '',
    ];
  });
  const columns = ['what', 'reference (earlier)', 'target', 'ours', 'reference ÷ ours', '', '÷ in the same run'];
  return markdown(columns, rows);
}

/** The ratio within one run, and our figure there where it misses the target. */
function sameRun(
  [reference, ours]: NonNullable<Target['same']>,
  limit: number | undefined,
  factor: number | undefined,
  format: Target['format'],
): string {
  if (!reference || !ours) return '';
  const ratio = `${count(reference / ours)}×`;
  return ours <= (limit ?? reference / factor!) ? ratio : `${ratio}, ours ${format(ours)}: **missed**`;
}

function targets({ mesh, beside, agent, envoy, ingest }: Records): Target[] {
  const both = (
    name: string,
    read: (one: MeshResult) => number | undefined,
    options?: Parameters<typeof inSameRun>[2],
  ): Target['same'] => {
    const found = inSameRun(beside, name, options);
    return found && [read(found.reference), read(found.ours)];
  };
  const cpuOf = (one: MeshResult): number => one.cpuSeconds;
  const manyBoth = { many: true };
  const change = (name: string): MeshResult | undefined => phase(mesh, 'changes', name);
  const one = (name: string, cpu: number, p99: { factor?: number; limit?: number }, wire?: number): Target[] => {
    const reference = REFERENCE_CHANGES[name]!;
    const ours = change(name);
    const rows: Target[] = [
      {
        what: `${name}, 200 proxies: CPU`,
        reference: reference.cpuSeconds,
        ours: ours?.cpuSeconds,
        factor: cpu,
        same: both(name, cpuOf),
        format: seconds,
      },
      {
        what: `${name}: p99`,
        reference: reference.p99Ms,
        ours: ours?.p99Ms,
        ...p99,
        same: both(name, (r) => r.p99Ms),
        format: milliseconds,
      },
    ];
    if (wire) {
      const same = both(name, (r) => r.bytes);
      const target = { reference: reference.bytes, ours: ours?.bytes, factor: wire, same, format: bytes };
      rows.push({ what: `${name}: bytes`, ...target });
    }
    return rows;
  };
  const many = phase(mesh, 'many proxies', 'cold sync');
  const cold = REFERENCE_COLD.clients500;
  const first = change('cold sync');
  const churn = phase(mesh, 'changes', 'churn 20/s');
  const grown = phase(mesh, '4,000 services', 'endpoint change');
  const [thousand, twoThousand] = [1000, 2000].map((n) => phase(mesh, `${n} proxies`, 'endpoint change'));
  const ratio = (a: MeshResult | undefined, b: MeshResult | undefined): number | undefined =>
    a && b && a.cpuSeconds / b.cpuSeconds;
  const idleAgent = agent?.results.find(({ load }) => load === 'idle');
  const ingested = ingest?.results.find(({ clusters }) => clusters === 5);
  return [
    ...one('endpoint change', 5, { limit: 25 }),
    ...one('VirtualService change', 200, { factor: 80 }, 300),
    ...one('DestinationRule change', 200, { factor: 80 }, 200),
    ...one('new Service', 100, { factor: 50 }),
    {
      what: 'cold sync, 500 proxies: wall',
      reference: cold.wallMs,
      ours: many?.wallMs,
      factor: 8,
      same: both('cold sync', (r) => r.wallMs, manyBoth),
      format: milliseconds,
    },
    {
      what: 'cold sync, 500: CPU',
      reference: cold.cpuSeconds,
      ours: many?.cpuSeconds,
      factor: 15,
      same: both('cold sync', cpuOf, manyBoth),
      format: seconds,
    },
    {
      what: 'cold sync, 500: CPU, ours cold against the reference with a warm cache',
      reference: cold.warmCpuSeconds,
      ours: many?.cpuSeconds,
      factor: 3,
      format: seconds,
    },
    {
      what: 'cold sync, 500: peak memory',
      reference: cold.peak,
      ours: many?.peak,
      limit: 600e6,
      same: both('cold sync', (r) => r.peak, manyBoth),
      format: bytes,
    },
    {
      what: 'bytes that a proxy holds after cold sync',
      reference: REFERENCE_COLD.perProxy,
      ours: first && first.bytes! / first.clients,
      limit: 4e6,
      same: both('cold sync', (r) => r.bytes! / r.clients),
      format: (value) => `${(value / 1e6).toFixed(2)} MB`,
    },
    {
      what: 'churn 20/s for 30 s, 200 proxies: p99 of staleness',
      reference: 10_000,
      ours: churn?.p99Ms,
      limit: 60,
      same: both('churn 20/s', (r) => r.p99Ms),
      format: milliseconds,
    },
    {
      what: 'churn 20/s for 30 s: CPU',
      reference: 3,
      ours: churn?.cpuSeconds,
      limit: 4,
      same: both('churn 20/s', cpuOf),
      format: seconds,
    },
    {
      what: 'idle with 500 proxies for 10 s: CPU',
      reference: 0.01,
      ours: phase(mesh, 'many proxies', 'idle')?.cpuSeconds,
      limit: 0.05,
      same: both('idle', cpuOf, manyBoth),
      format: seconds,
    },
    {
      what: 'resident after cold sync, 200 proxies',
      reference: 0.7e9,
      ours: first?.rss,
      limit: 250e6,
      same: both('cold sync', (r) => r.rss),
      format: bytes,
    },
    {
      what: 'endpoint change, CPU at 4,000 services ÷ at 1,000',
      ours: ratio(grown, change('endpoint change')),
      limit: 1.5,
      format: times,
    },
    {
      what: 'endpoint change, CPU for 2,000 proxies ÷ for 1,000',
      ours: ratio(twoThousand, thousand),
      limit: 2.2,
      format: times,
    },
    {
      what: 'ingest of 5 clusters: longest stall of the event loop',
      ours: ingested?.longestStallMs,
      limit: 50,
      format: milliseconds,
    },
    {
      what: 'ingest of 5 clusters: longest stall without what other processes on the machine took',
      ours: ingested?.longestStallOwnMs,
      limit: 50,
      format: milliseconds,
    },
    {
      what: 'memory of a pod in the store',
      ours: ingested?.bytesPerPod,
      limit: 1500,
      format: (value) => `${(value / 1000).toFixed(2)} kB`,
    },
    {
      what: 'agent, idle: Private_Dirty',
      reference: 11,
      ours: idleAgent?.privateDirtyMb,
      limit: 25,
      format: megabytes,
    },
    { what: 'agent, idle: RSS', reference: 39, ours: idleAgent?.rssMb, limit: 65, format: megabytes },
    { what: "Envoy's memory with 1,000 services", ours: envoy?.results[0]?.rss, limit: 60e6, format: bytes },
  ];
}
