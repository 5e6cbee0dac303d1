// Startup with large clusters: lists and watches of several API servers through the real clients, reflectors, queue and
// decoders into the mesh. Measures stalls of the event loop and what a pod costs in memory.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { IngestResult } from './document/records.ts';
import { CLUSTER } from './ingest/objects.ts';
import type { Stalls } from './ingest/stalls.ts';
import { bytes, milliseconds, seconds } from './report.ts';
import { cacheFile, recordFile, writeResults } from './results.ts';

const USAGE = `Usage: node bench/ingest.ts [flags]

  --clusters 5
  --pods ${CLUSTER.pods} --services ${CLUSTER.services} --endpoints ${CLUSTER.endpoints}    of each cluster
  --touch 2000             changed pods of each cluster that come by watch at once
  --node-flag FLAG         for the measured process, repeatable (--node-flag=--cpu-prof)
  --record                 results to docs/performance
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h' },
    clusters: { type: 'string', default: '5' },
    pods: { type: 'string', default: String(CLUSTER.pods) },
    services: { type: 'string', default: String(CLUSTER.services) },
    endpoints: { type: 'string', default: String(CLUSTER.endpoints) },
    touch: { type: 'string', default: '2000' },
    'node-flag': { type: 'string', multiple: true, default: [] },
    record: { type: 'boolean', default: false },
  },
});

interface Measured {
  readonly objects: number;
  readonly wallMs: number;
  readonly cpuSeconds: number;
  readonly rss: number;
  readonly peak: number;
  readonly kept: number;
  readonly listing: Stalls;
  readonly touching: Stalls & { readonly wallMs: number };
}

const script = (name: string): string => join(import.meta.dirname, 'ingest', name);

async function main(): Promise<void> {
  const { clusters, pods, services, endpoints } = values;
  const sizes = ['--pods', pods, '--services', services, '--endpoints', endpoints];
  const api = spawn(process.execPath, [script('api-server.ts'), ...sizes], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const port = await firstLine(api.stdout);
    const measure = (...flags: string[]): Promise<Measured> =>
      measured(['--server', `http://127.0.0.1:${port}`, '--clusters', clusters, ...flags]);
    const onlyPods = await measure('--kinds', 'Pod');
    const everything = await measure('--touch', values.touch);
    const counts = {
      clusters: Number(clusters),
      pods: Number(pods),
      services: Number(services),
      endpoints: Number(endpoints),
    };
    const results: IngestResult[] = [
      {
        ...counts,
        what: `everything: ${everything.objects} objects`,
        ...figures(everything),
        bytesPerPod: onlyPods.kept / (counts.clusters * counts.pods),
      },
      {
        ...counts,
        what: `a burst of ${values.touch} changed pods a cluster by watch`,
        ...stalled(everything.touching),
        wallMs: everything.touching.wallMs,
      },
      { ...counts, what: `pods only: ${onlyPods.objects}`, ...figures(onlyPods) },
    ];
    for (const one of results) console.log(line(one));
    const file = values.record ? recordFile('ingest') : cacheFile('ingest');
    writeResults(file, results);
    console.log(`results: ${file}`);
  } finally {
    api.kill();
  }
}

const stalled = ({ longestMs, longestOwnMs, over50, over50Own }: Stalls) => ({
  longestStallMs: longestMs,
  longestStallOwnMs: longestOwnMs,
  stallsOver50Ms: over50,
  ownStallsOver50Ms: over50Own,
});

function figures({ wallMs, cpuSeconds, listing, kept, rss, peak }: Measured) {
  return { wallMs, cpuSeconds, ...stalled(listing), kept, rss, peak };
}

function line(one: IngestResult): string {
  const { what, wallMs, cpuSeconds, longestStallMs, longestStallOwnMs, stallsOver50Ms, bytesPerPod } = one;
  const parts = [
    `wall ${milliseconds(wallMs)}`,
    cpuSeconds !== undefined && `CPU ${seconds(cpuSeconds)}`,
    `longest stall ${milliseconds(longestStallMs)} (${milliseconds(longestStallOwnMs)} without what others took), ${stallsOver50Ms} over 50 ms`,
    one.kept !== undefined && `kept ${bytes(one.kept)} RSS ${bytes(one.rss)} peak ${bytes(one.peak)}`,
    bytesPerPod !== undefined && `${bytesPerPod.toFixed(0)} bytes a pod`,
  ];
  return `${what.padEnd(52)} ${parts.filter(Boolean).join(' · ')}`;
}

async function measured(flags: readonly string[]): Promise<Measured> {
  const node = ['--disable-warning=ExperimentalWarning', '--expose-gc', ...values['node-flag']];
  const child = spawn(process.execPath, [...node, script('measured.ts'), ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(await firstLine(child.stdout)) as Measured;
}

async function firstLine(stream: NodeJS.ReadableStream): Promise<string> {
  for await (const text of createInterface({ input: stream })) return text;
  throw new Error('the process ended without a word');
}

if (values.help) process.stdout.write(USAGE);
else await main();
