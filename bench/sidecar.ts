// What a sidecar adds to a request: the same requests without one, with one at either end, and with both (mutual TLS), between
// network namespaces of this machine. Real Envoys, the agent's bootstrap and capture rules, the real control plane. As root:
// `node bench/sidecar.ts [--requests 2000] [--rounds 3] [--rate 500] [--connections 8] [--record]`.
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { createCertificates } from '../conformance/behaviour/certificates.ts';
import { ensureEnvoy } from '../tools/envoy.ts';
import type { SidecarResult } from './document/records.ts';
import { inNamespaces } from './namespaces.ts';
import { cpuSeconds } from './process.ts';
import { placeEnvoy, startRealEnvoy } from './real-envoy.ts';
import { seconds } from './report.ts';
import { cacheFile, recordFile, writeResults } from './results.ts';
import { startServer } from './server.ts';
import { BRIDGE_ADDRESS, HOMES, type Home, NAMESPACE, objectsOf, openBridge, openHome } from './sidecar/homes.ts';
import type { LoadReport, LoadSpec } from './sidecar/load.ts';
import { pause, percentiles } from './stage.ts';
import { fileWorld } from './world.ts';

const PATHS = [
  { path: 'no sidecar', from: 'bare-client', to: 'bare-server', caller: 'unknown' },
  { path: "the client's sidecar, plaintext", from: 'client', to: 'bare-server', caller: 'unknown' },
  { path: "the server's sidecar, plaintext", from: 'bare-client', to: 'server', caller: 'unknown' },
  {
    path: 'both sidecars, mutual TLS',
    from: 'client',
    to: 'server',
    caller: 'URI=spiffe://cluster.local/ns/app/sa/client',
  },
] as const;

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
  const scratch = mkdtempSync(join(tmpdir(), 'isthmus-sidecar-'));
  chmodSync(scratch, 0o755);
  await using scope = new AsyncDisposableStack();
  scope.defer(() => rmSync(scratch, { recursive: true, force: true }));
  openBridge();
  const holders = new Map<string, number>();
  for (const home of HOMES) holders.set(home.name, await openHome(home));

  const configDir = join(scratch, 'config');
  mkdirSync(configDir);
  const world = fileWorld(configDir);
  for (const home of HOMES) await world.put({ path: `${home.name}.json`, objects: objectsOf(home) });
  const server = await startServer({ objects: { configDir }, scratch, address: BRIDGE_ADDRESS });
  scope.defer(() => server.stop());
  const certificates = await createCertificates(scratch);
  const binary = await placeEnvoy(await ensureEnvoy(), scratch);
  const envoys: number[] = [];
  for (const { name, address, sidecar } of HOMES) {
    if (!sidecar) continue;
    const uris = [`spiffe://cluster.local/ns/${NAMESPACE}/sa/${name}`];
    const { directory: sdsDir } = await certificates.issue({ name, uris });
    const labels = { app: name, 'security.istio.io/tlsMode': 'istio' };
    const identity = {
      kind: 'sidecar' as const,
      address,
      pod: name,
      namespace: NAMESPACE,
      serviceAccount: name,
      labels,
    };
    const where = {
      control: server.address,
      directory: scratch,
      sdsDir,
      concurrency: 2,
      namespaceOf: holders.get(name)!,
    };
    const envoy = scope.use(startRealEnvoy({ binary, identity, ...where }));
    envoys.push(envoy.pid);
  }

  const load = async ({ from, to, caller }: (typeof PATHS)[number], count: number): Promise<LoadReport> => {
    const target = HOMES.find(({ name }) => name === to)!;
    return run(holders.get(from)!, specOf(target, from === 'client', { requests: count, rate, connections, caller }));
  };
  for (const path of PATHS) await warm(path.path, () => load(path, 200));

  const found = new Map(PATHS.map(({ path }) => [path as string, { latencies: [] as number[], cpu: 0, failures: 0 }]));
  // In turns, so that what the machine does besides meets all alike.
  for (let i = 0; i < rounds; i++) {
    for (const path of PATHS) {
      const sum = found.get(path.path)!;
      const before = cpuOf(envoys);
      const { latencies, failures } = await load(path, requests);
      sum.cpu += cpuOf(envoys) - before;
      sum.failures += failures;
      sum.latencies.push(...latencies);
    }
  }
  const results = PATHS.map(({ path }): SidecarResult => {
    const { latencies, cpu, failures } = found.get(path)!;
    if (failures > 0) throw new Error(`${path}: ${failures} of ${requests * rounds} requests failed`);
    const { p50Ms, p99Ms } = percentiles(latencies) as { p50Ms: number; p99Ms: number };
    return {
      path,
      requests: latencies.length,
      connections,
      rate,
      p50Ms,
      p99Ms,
      cpuPer1000: (cpu / latencies.length) * 1000,
    };
  });
  for (const { path, p50Ms, p99Ms, cpuPer1000 } of results) {
    console.log(
      `${path.padEnd(34)} p50 ${p50Ms.toFixed(2)} ms p99 ${p99Ms.toFixed(2)} ms · CPU of proxies per 1,000 requests ${seconds(cpuPer1000)}`,
    );
  }
  writeResults(values.record ? recordFile('sidecar') : cacheFile('sidecar'), results);
}

const cpuOf = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);

/** With a sidecar a client dials the Service; without one, and without kube-proxy, the pod itself. */
function specOf(to: Home, captured: boolean, how: Omit<LoadSpec, 'address' | 'port' | 'host'>): LoadSpec {
  const host = `${to.name}.${NAMESPACE}`;
  return captured
    ? { address: to.clusterIp, port: 80, host, ...how }
    : { address: to.address, port: 8080, host, ...how };
}

async function run(holder: number, spec: LoadSpec): Promise<LoadReport> {
  const load = join(import.meta.dirname, 'sidecar/load.ts');
  const args = ['-t', String(holder), '-n', process.execPath, load, JSON.stringify(spec)];
  const { stdout } = await promisify(execFile)('nsenter', args, { maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout) as LoadReport;
}

/** Until the proxies have their configuration. */
async function warm(path: string, load: () => Promise<LoadReport>): Promise<void> {
  let reason = '';
  for (let i = 0; i < 20; i++) {
    const report = await load();
    if (report.failures === 0) return;
    reason = report.reason;
    await pause(500);
  }
  throw new Error(`${path}: no answers: ${reason}`);
}

process.exitCode = await inNamespaces(import.meta.filename, main);
