// The plots of docs/performance.md, by file name.
import { SHARES } from '../quantiles.ts';
import { bytes, milliseconds, seconds } from '../report.ts';
import { type MeshResult, phase, type Records } from './records.ts';
import { REFERENCE_CHANGES, REFERENCE_CHURN, REFERENCE_COLD, REFERENCE_SOTW } from './reference.ts';
import { type Curve, rangePlot, sharePlot, stackPlot } from './svg.ts';

const TYPES = ['CDS', 'EDS', 'LDS', 'VHDS', 'RDS', 'ECDS'] as const;
const KINDS = ['endpoint change', 'VirtualService change', 'DestinationRule change', 'new Service'] as const;
const OTHERS = ['AuthorizationPolicy change', 'Secret change'] as const;

const axisMs = (ms: number): string => (ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`);
const axisSeconds = (s: number): string => (s >= 1 ? `${s} s` : `${Number((s * 1000).toPrecision(1))} ms`);
const axisBytes = (n: number): string =>
  n >= 1e9 ? `${n / 1e9} GB` : n >= 1e6 ? `${n / 1e6} MB` : n >= 1e3 ? `${n / 1e3} kB` : `${n} B`;

export function plots(records: Records): ReadonlyMap<string, string> {
  const { mesh } = records;
  const out = new Map<string, string>();
  if (!mesh) return out;
  const at = (name: string): MeshResult | undefined => phase(mesh, 'changes', name);
  const sotw = (name: string): MeshResult | undefined => phase(mesh, 'state of the world', name);

  out.set(
    'latency.svg',
    rangePlot({
      title: 'From a change to its receipt by 200 proxies: p50 (dot) to p99 (bar)',
      series: ['Isthmus', 'reference'],
      format: axisMs,
      rows: [
        ...[...KINDS, ...OTHERS].map((name) => pair(name, at(name), REFERENCE_CHANGES[name], latencyOf)),
        ...(['endpoint change', 'VirtualService change'] as const).map((name) =>
          pair(`${name}, SotW`, sotw(name), REFERENCE_SOTW[name], latencyOf),
        ),
      ],
    }),
  );
  out.set(
    'cpu.svg',
    rangePlot({
      title: 'Processor time of the control plane for one change, 200 proxies',
      series: ['Isthmus', 'reference'],
      format: axisSeconds,
      rows: [...KINDS, ...OTHERS].map((name) =>
        pair(name, at(name), REFERENCE_CHANGES[name], ({ cpuSeconds }) => [
          cpuSeconds,
          cpuSeconds,
          seconds(cpuSeconds),
        ]),
      ),
    }),
  );
  out.set(
    'bytes.svg',
    rangePlot({
      title: 'Bytes sent for one change, 200 proxies',
      series: ['Isthmus', 'reference'],
      format: axisBytes,
      rows: [...KINDS, ...OTHERS].map((name) =>
        pair(name, at(name), REFERENCE_CHANGES[name], ({ bytes: n }) => n && [n, n, bytes(n)]),
      ),
    }),
  );
  out.set('cold-sync-bytes.svg', coldBytes(at('cold sync'), sotw('cold sync')));
  out.set('cold-sync.svg', coldTimes(mesh.results));
  out.set('churn.svg', churnPlot(mesh.results));
  const growth = growthPlot(records);
  if (growth) out.set('growth.svg', growth);
  return out;
}

type Reading = { p50Ms?: number; p99Ms?: number; cpuSeconds: number; bytes?: number };
type Read = (from: Reading) => readonly [from: number, to: number, note: string] | 0 | undefined;

const latencyOf: Read = ({ p50Ms, p99Ms }) =>
  (p50Ms !== undefined && [p50Ms, p99Ms!, `${milliseconds(p50Ms)} – ${milliseconds(p99Ms)}`]) || undefined;

function pair(label: string, ours: Reading | undefined, reference: Reading | undefined, read: Read) {
  const ranges = [ours, reference].flatMap((from, series) => {
    const found = from && read(from);
    return found ? [{ series, from: found[0], to: found[1], note: found[2] }] : [];
  });
  return { label, ranges };
}

function coldBytes(delta: MeshResult | undefined, sotw: MeshResult | undefined): string {
  const bar = (label: string, result: MeshResult | undefined) => {
    const values = TYPES.map((type) => (result?.bytesByType?.[type] ?? 0) / (result?.clients ?? 1));
    return { label, values, note: bytes(values.reduce((a, b) => a + b, 0)) };
  };
  const whole = REFERENCE_COLD.perProxy;
  return stackPlot({
    title: 'What one proxy gets on cold sync, by type of resource',
    parts: [...TYPES, 'all types (reference)'],
    format: axisBytes,
    limit: { value: 4e6, label: 'target 4 MB' },
    rows: [
      bar('Isthmus, delta', delta),
      bar('Isthmus, state of the world', sotw),
      { label: 'reference, delta', values: [...TYPES.map(() => 0), whole], note: bytes(whole) },
    ],
  });
}

const curveOf = (label: string, result: MeshResult): Curve => ({
  label,
  points: (result.quantiles ?? []).map((x, i) => [x, SHARES[i]!] as const),
});

function coldTimes(results: readonly MeshResult[]): string {
  const curves = results
    .filter(({ phase: name, quantiles }) => name === 'cold sync' && quantiles?.length)
    .filter(({ round }) => ['changes', 'many proxies', 'state of the world'].includes(round))
    .map((one) => curveOf(`${one.clients} ${one.round === 'state of the world' ? 'SotW' : 'delta'}`, one));
  const { clients200, clients500 } = REFERENCE_COLD;
  return sharePlot({
    title: 'Share of the proxies in sync after they all connect at once',
    format: axisMs,
    curves,
    points: [
      { label: 'reference, 200 (all)', points: [[clients200.wallMs, 1]] },
      { label: 'reference, 500 (all)', points: [[clients500.wallMs, 1]] },
    ],
  });
}

function churnPlot(results: readonly MeshResult[]): string {
  const curves = results
    .filter(({ phase: name, quantiles }) => name.startsWith('churn') && quantiles?.length)
    .map((one) => curveOf(one.phase, one));
  const points = Object.values(REFERENCE_CHURN).map(({ label, p50Ms, p99Ms }) => ({
    label: `${label} (20/s)`,
    points: [
      [p50Ms, 0.5],
      [p99Ms, 0.99],
    ] as const,
  }));
  return sharePlot({
    title: 'Staleness under churn: share of receipts that came within a time, 200 proxies',
    format: axisMs,
    curves,
    points,
  });
}

/** Processor time of an endpoint change as the mesh grows. */
function growthPlot({ mesh }: Records): string | undefined {
  const cases = [
    ['1,000 services, 200 proxies', 'changes'],
    ['4,000 services, 200 proxies', '4,000 services'],
    ['1,000 services, 1,000 proxies', '1000 proxies'],
    ['1,000 services, 2,000 proxies', '2000 proxies'],
  ] as const;
  const rows = cases.map(([label, round]) => {
    const results = ['endpoint change', 'VirtualService change'].map((name) => phase(mesh, round, name));
    return {
      label,
      ranges: results.flatMap((one, series) =>
        one ? [{ series, from: one.cpuSeconds, to: one.cpuSeconds, note: seconds(one.cpuSeconds) }] : [],
      ),
    };
  });
  if (rows.some(({ ranges }) => ranges.length === 0)) return undefined;
  return rangePlot({
    title: 'Processor time for one change as the mesh grows',
    series: ['endpoint change', 'VirtualService change'],
    rows,
    format: axisSeconds,
  });
}
