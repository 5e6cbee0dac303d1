// What a sidecar adds to a request, on the lab: the same requests without one, with one at either end, and with both (mutual TLS),
// from pods of one cluster to pods of another, after the guide. As root, on a machine that can run the lab:
// `node bench/sidecar.ts [--requests 2000] [--rounds 3] [--rate 500] [--connections 8] [--record]`.
import { parseArgs } from 'node:util';
import { eventually, startMesh } from '../conformance/guide/mesh.ts';
import type { SidecarResult } from './document/records.ts';
import { seconds } from './report.ts';
import { cacheFile, recordFile, writeResults } from './results.ts';
import { startApps } from './sidecar/pods.ts';
import { percentiles } from './stage.ts';

const CALLER = 'URI=spiffe://cluster.local/ns/bench/sa/client';
const PATHS = [
  { path: 'no sidecar', from: 'bare-client', to: 'bare-server', caller: 'unknown' },
  { path: "the client's sidecar, plaintext", from: 'client', to: 'bare-server', caller: 'unknown' },
  { path: "the server's sidecar, plaintext", from: 'bare-client', to: 'server', caller: 'unknown' },
  { path: 'both sidecars, mutual TLS', from: 'client', to: 'server', caller: CALLER },
] as const;
const WARM_UP = 200;

interface Sum {
  latencies: number[];
  cpu: number;
  failures: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '2000' },
      rounds: { type: 'string', default: '3' },
      rate: { type: 'string', default: '500' },
      connections: { type: 'string', default: '8' },
      record: { type: 'boolean', default: false },
    },
  });
  const [requests, rounds, rate, connections] = [values.requests, values.rounds, values.rate, values.connections].map(
    Number,
  ) as [number, number, number, number];
  await using mesh = await startMesh('bench-sidecar');
  await mesh.runScript('guide.sh');
  const apps = await startApps(mesh);
  const load = ({ from, to, caller }: (typeof PATHS)[number], count: number) =>
    apps.load(from, to, { requests: count, rate, connections, caller });
  // Until the proxies have their configuration.
  for (const path of PATHS) {
    await eventually(
      path.path,
      () => load(path, WARM_UP),
      ({ failures }) => failures === 0,
    );
  }

  const found = PATHS.map((path) => ({ path, sum: { latencies: [], cpu: 0, failures: 0 } as Sum }));
  // In turns, so that what the machine does besides meets all alike.
  for (let i = 0; i < rounds; i++) {
    for (const { path, sum } of found) {
      const before = await apps.sidecarCpu();
      const { latencies, failures } = await load(path, requests);
      sum.cpu += (await apps.sidecarCpu()) - before;
      sum.failures += failures;
      sum.latencies.push(...latencies);
    }
  }
  const results = found.map(({ path: { path }, sum: { latencies, cpu, failures } }): SidecarResult => {
    if (failures > 0) throw new Error(`${path}: ${failures} of ${requests * rounds} requests failed`);
    const { p50Ms, p99Ms } = percentiles(latencies) as { p50Ms: number; p99Ms: number };
    const cpuPer1000 = (cpu / latencies.length) * 1000;
    return { path, requests: latencies.length, connections, rate, p50Ms, p99Ms, cpuPer1000 };
  });
  for (const { path, p50Ms, p99Ms, cpuPer1000 } of results) {
    console.log(
      `${path.padEnd(34)} p50 ${p50Ms.toFixed(2)} ms p99 ${p99Ms.toFixed(2)} ms · CPU of sidecars per 1,000 requests ${seconds(cpuPer1000)}`,
    );
  }
  writeResults(values.record ? recordFile('sidecar') : cacheFile('sidecar'), results);
}

await main();
