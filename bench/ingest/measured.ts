// The measured side: the control plane's own clients, reflectors, queue and mesh on several clusters, in a process of their own.
// node --expose-gc bench/ingest/measured.ts --server http://127.0.0.1:PORT --clusters 5 [--kinds Pod] [--touch 2000]
// prints one line of JSON.
import { parseArgs } from 'node:util';
import { createChangeQueue } from '../../src/control/change-queue.ts';
import { createClusters } from '../../src/control/clusters.ts';
import { meshTarget } from '../../src/control/mesh-target.ts';
import { watchedKinds } from '../../src/control/watched-kinds.ts';
import { Graph } from '../../src/graph/graph.ts';
import { createMesh } from '../../src/ingest/mesh.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { memory } from '../process.ts';
import { watchStalls } from './stalls.ts';

const { values } = parseArgs({
  options: {
    server: { type: 'string', default: '' },
    clusters: { type: 'string', default: '5' },
    kinds: { type: 'string' },
    touch: { type: 'string', default: '0' },
  },
});
const only = values.kinds?.split(',');
const collect = globalThis.gc ?? (() => {});
const used = (): number => {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

const graph = new Graph();
const mesh = createMesh(graph, { configCluster: 'c0' });
const queue = createChangeQueue({
  target: meshTarget(mesh, { set: () => {}, all: () => [] }),
  batch: (writes) => graph.batch(writes),
  onError: (error, object) => {
    throw new Error(object, { cause: error });
  },
});
let applied = 0;
using clusters = createClusters({
  clock: systemClock,
  timeoutMs: 600_000,
  kinds: ({ config }) =>
    watchedKinds({
      config,
      namespace: 'istio-system',
      remoteSecretsNamespace: 'istio-system',
      revision: 'default',
    }).filter(({ resource }) => !only || only.includes(resource.kind)),
  events: {
    apply(cluster, object) {
      applied++;
      queue.apply(cluster, object);
    },
    remove: (cluster, name) => queue.remove(cluster, name),
    added: () => {},
    changed: ({ id, status }) => mesh.setCluster(id, { network: '', synced: status === 'synced' }),
    removed: () => {},
    failed: (cluster, { kind, error }) => process.stderr.write(`${cluster} ${kind}: ${error?.message}\n`),
    failure: () => {},
  },
});

const before = used();
const stalls = watchStalls();
const cpu = process.cpuUsage();
const begun = performance.now();
const access = (i: number) => ({
  server: `${values.server}/c${i}`,
  tls: { insecure: false },
  namespace: 'default',
  proxyUrl: '',
  credential: async () => ({}),
});
const all = Array.from({ length: Number(values.clusters) }, (_, i) =>
  clusters.add({ id: `c${i}`, secret: i === 0 ? '' : `istio-system/c${i}`, access: access(i) }),
);
await Promise.all(all.map(({ ready }) => ready));
await queue.settled();
const wallMs = performance.now() - begun;
const { user, system } = process.cpuUsage(cpu);
const listing = stalls.take();
const listed = applied;
const { rss, peak } = memory(process.pid);
const kept = used() - before;

const touched = Number(values.touch);
stalls.take();
const touchBegun = performance.now();
if (touched > 0) {
  applied = 0;
  await Promise.all(all.map((_, i) => fetch(`${values.server}/c${i}/touch?count=${touched}`, { method: 'POST' })));
  while (applied < touched * all.length) await new Promise((resolve) => setTimeout(resolve, 5));
  await queue.settled();
}
const touching = { ...stalls.take(), wallMs: performance.now() - touchBegun };
stalls[Symbol.dispose]();
const cpuSeconds = (user + system) / 1e6;
process.stdout.write(
  `${JSON.stringify({ objects: listed, wallMs, cpuSeconds, rss, peak, kept, listing, touching })}\n`,
);
process.exit(0);
