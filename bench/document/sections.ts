// The generated parts of docs/performance.md, by the name in their markers.
import { bytes, bytesTable, COLUMNS, markdown, milliseconds, row, seconds } from '../report.ts';
import type { Provenance, Recorded } from '../results.ts';
import { besideTable, OTHER } from './beside.ts';
import type { AgentResult, EnvoyResult, IngestResult, MeshResult, Records, SidecarResult } from './records.ts';
import { targetsTable } from './targets.ts';

const MISSING = 'Not measured yet.';

export function sections(records: Records): ReadonlyMap<string, string> {
  const { mesh, beside } = records;
  return new Map([
    ['machine', mesh ? machineText(mesh.from) : MISSING],
    ['targets', targetsTable(records)],
    ['plots', mesh ? images(mesh) : MISSING],
    ['mesh', recorded(mesh, meshTable)],
    ['types', mesh ? bytesTable(mesh.results) : MISSING],
    ['small', recorded(records.small, meshTable)],
    ['kubernetes', recorded(records.kubernetes, meshTable)],
    ['beside', beside ? `${besideTable(beside)}\n\n${fromText(beside.from)}` : MISSING],
    ['beside-2', beside ? besideTable(beside, `${OTHER} 2`) : MISSING],
    ['ingest', recorded(records.ingest, ingestTable)],
    ['agent', recorded(records.agent, agentTable)],
    ['sidecar', recorded(records.sidecar, sidecarTable)],
    ['envoy', recorded(records.envoy, envoyTable)],
  ]);
}

/** A table, and under it when and how it was measured. */
function recorded<T>(record: Recorded<T> | undefined, table: (results: readonly T[]) => string): string {
  if (!record) return MISSING;
  return `${table(record.results)}\n\n${fromText(record.from)}`;
}

function fromText({ at, commit, command, loadBefore, computation }: Provenance): string {
  const load = loadBefore === undefined ? '' : ` The load average before it was ${loadBefore.toFixed(1)}.`;
  const [before, after] = computation ?? [];
  const speed = computation
    ? ` A fixed computation took ${before!.toFixed(0)} ms before it and ${after!.toFixed(0)} ms after it.`
    : '';
  return `Measured ${at.slice(0, 16).replace('T', ' ')} UTC at commit ${commit} by \`${command}\`.${load}${speed}`;
}

function machineText({ machine }: Provenance): string {
  const { cpus, model, memory, kernel, node } = machine;
  const gigabytes = (memory / 2 ** 30).toFixed(0);
  return `${cpus} cores (${model}), ${gigabytes} GiB, Linux ${kernel}, Node ${node.slice(1)}.`;
}

const IMAGES: readonly (readonly [file: string, text: string])[] = [
  ['latency', 'Latency of a change'],
  ['cpu', 'Processor time of a change'],
  ['bytes', 'Bytes of a change'],
  ['cold-sync', 'Cold sync over time'],
  ['cold-sync-bytes', 'Bytes of a cold sync by type'],
  ['churn', 'Staleness under churn'],
];

function images({ results }: Recorded<MeshResult>): string {
  const grown = results.some(({ round }) => round === '2000 proxies');
  const all = grown ? [...IMAGES, ['growth', 'Cost as the mesh grows'] as const] : IMAGES;
  return all.map(([file, text]) => `![${text}](performance/${file}.svg)`).join('\n\n');
}

function meshTable(results: readonly MeshResult[]): string {
  return markdown(COLUMNS, results.map(row));
}

function ingestTable(results: readonly IngestResult[]): string {
  const columns = [
    'what',
    'wall',
    'CPU',
    'longest stall (CPU in it)',
    'stalls over 50 ms',
    'per pod',
    'kept',
    'RSS',
    'peak',
  ];
  const rows = results.map((one) => [
    one.what,
    milliseconds(one.wallMs),
    one.cpuSeconds === undefined ? '' : seconds(one.cpuSeconds),
    `${milliseconds(one.longestStallMs)} (${milliseconds(one.longestStallOwnMs)})`,
    `${one.stallsOver50Ms} (${one.ownStallsOver50Ms})`,
    one.bytesPerPod === undefined ? '' : `${(one.bytesPerPod / 1000).toFixed(2)} kB`,
    bytes(one.kept),
    bytes(one.rss),
    bytes(one.peak),
  ]);
  return markdown(columns, rows);
}

function agentTable(results: readonly AgentResult[]): string {
  const rows = results.map(({ load, privateDirtyMb, rssMb, pssMb }) => [
    load,
    ...[privateDirtyMb, rssMb, pssMb].map((value) => `${value.toFixed(1)} MB`),
  ]);
  return markdown(['load', 'Private_Dirty', 'RSS', 'PSS'], rows);
}

function sidecarTable(results: readonly SidecarResult[]): string {
  const rows = results.map((one) => [
    one.path,
    String(one.requests),
    `${one.rate}/s over ${one.connections}`,
    `${one.p50Ms.toFixed(2)} ms`,
    `${one.p99Ms.toFixed(2)} ms`,
    one.cpuPer1000 > 0 ? seconds(one.cpuPer1000) : '',
  ]);
  const columns = ['path', 'requests', 'rate, connections', 'p50', 'p99', "proxies' CPU per 1,000 requests"];
  return markdown(columns, rows);
}

function envoyTable(results: readonly EnvoyResult[]): string {
  const rows = results.map((one) => [
    one.what,
    String(one.clusters),
    bytes(one.allocated),
    bytes(one.heapSize),
    bytes(one.rss),
    bytes(one.anonymous),
    bytes(one.file),
  ]);
  const columns = [
    'configuration',
    'clusters',
    'allocated',
    'heap',
    'RSS',
    "of it Envoy's own",
    'of it pages of files',
  ];
  return markdown(columns, rows);
}
