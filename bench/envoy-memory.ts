// Envoy's memory with a mesh of 1,000 services: a real Envoy with the agent's bootstrap, configured by the real control plane. As root:
// `node bench/envoy-memory.ts [--record]`. Runs in network and process namespaces of its own.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCertificates } from '../conformance/behaviour/certificates.ts';
import { ensureEnvoy } from '../tools/envoy.ts';
import type { EnvoyResult } from './document/records.ts';
import { inNamespaces } from './namespaces.ts';
import { FULL, meshObjects, type Part, type Sizes } from './objects.ts';
import { memory, residentKinds } from './process.ts';
import { identities } from './proxies.ts';
import { ADMIN_PORT, placeEnvoy, startRealEnvoy } from './real-envoy.ts';
import { bytes } from './report.ts';
import { cacheFile, recordFile, writeResults } from './results.ts';
import { startServer } from './server.ts';
import { pause } from './stage.ts';
import { fileWorld } from './world.ts';

/** What the proxy's namespace calls: its own services, a twentieth of the mesh. */
const SIDECAR: Part = {
  path: 'ns-0/sidecar.json',
  objects: [
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'Sidecar',
      metadata: { name: 'default', namespace: 'ns-0' },
      spec: { egress: [{ hosts: ['./*'] }] },
    },
  ],
};
const NOTHING: Sizes = { services: 1, endpoints: 1, namespaces: 1, virtualServices: 0, destinationRules: 0 };
/** Envoy gives memory back, and opens what it opens on demand, for a while. */
const SETTLE_MS = 10_000;

const admin = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${ADMIN_PORT}/${path}`)).text();

interface Configuration {
  readonly what: string;
  readonly sizes: Sizes;
  /** Clusters that Envoy has at least when it has all. */
  readonly clusters: number;
  readonly more?: readonly Part[];
}

const CONFIGURATIONS: readonly Configuration[] = [
  { what: '1,000 services × 10 endpoints, 200 VS, 200 DR', sizes: FULL, clusters: 2000 },
  { what: 'the same with a Sidecar: the 50 services of a namespace', sizes: FULL, clusters: 100, more: [SIDECAR] },
  { what: 'one service: what Envoy needs by itself', sizes: NOTHING, clusters: 2 },
];

async function measure(configuration: Configuration, binary: string, directory: string): Promise<EnvoyResult> {
  const { what, sizes, clusters: expected, more = [] } = configuration;
  const configDir = join(directory, 'config');
  mkdirSync(configDir, { recursive: true });
  const world = fileWorld(configDir);
  for (const part of [...meshObjects(sizes), ...more]) await world.put(part);
  const [identity] = identities({ clients: 1, routers: 0, sizes });
  const certificates = await createCertificates(directory);
  const { namespace, serviceAccount, pod } = identity!;
  const uris = [`spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}`];
  const { directory: sdsDir } = await certificates.issue({ name: pod, uris });
  const server = await startServer({ objects: { configDir }, scratch: directory });
  try {
    const options = { binary, identity: identity!, control: server.address, directory, sdsDir, concurrency: 2 };
    using envoy = startRealEnvoy(options);
    const clusters = await warmed(expected);
    await pause(SETTLE_MS);
    const used = JSON.parse(await admin('memory')) as { allocated: string; heap_size: string };
    const { rss } = memory(envoy.pid);
    const kinds = residentKinds(envoy.pid);
    return { what, clusters, allocated: Number(used.allocated), heapSize: Number(used.heap_size), rss, ...kinds };
  } finally {
    await server.stop();
  }
}

/** Waits until Envoy has its listeners and at least so many clusters; gives their number. */
async function warmed(expected: number): Promise<number> {
  for (let i = 0; i < 300; i++) {
    await pause(200);
    const stats = await admin(
      'stats?filter=cluster_manager.active_clusters|listener_manager.total_listeners_active',
    ).catch(() => '');
    const clusters = Number(/active_clusters: (\d+)/.exec(stats)?.[1] ?? 0);
    const listeners = Number(/total_listeners_active: (\d+)/.exec(stats)?.[1] ?? 0);
    const state = await admin('ready').catch(() => '');
    if (clusters >= expected && listeners >= 4 && state.startsWith('LIVE')) return clusters;
  }
  throw new Error(`Envoy has not got ${expected} clusters within 60 s`);
}

async function main(record: boolean): Promise<void> {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  const scratch = mkdtempSync(join(tmpdir(), 'isthmus-envoy-'));
  chmodSync(scratch, 0o755);
  try {
    const binary = await placeEnvoy(await ensureEnvoy(), scratch);
    const results: EnvoyResult[] = [];
    for (const [index, configuration] of CONFIGURATIONS.entries()) {
      results.push(await measure(configuration, binary, join(scratch, String(index))));
    }
    for (const { what, clusters, allocated, heapSize, rss, anonymous } of results) {
      const resident = `RSS ${bytes(rss)}, ${bytes(anonymous)} of it its own`;
      console.log(`${what}: ${clusters} clusters, allocated ${bytes(allocated)}, heap ${bytes(heapSize)}, ${resident}`);
    }
    writeResults(record ? recordFile('envoy') : cacheFile('envoy'), results);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

process.exitCode = await inNamespaces(import.meta.filename, (args) => main(args.includes('--record')));
