// What the agent costs a pod: Private_Dirty and RSS of the bundled agent, as in the image, after idling beside a real Envoy.
// `node bench/agent/memory.ts [--idle SECONDS] [--probes] [--record]`; limits: 25 MB and 65 MB.
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runAgent } from '../../conformance/agent/run-agent.ts';
import { SERVER_NAME, startStubControlPlane } from '../../conformance/agent/stub-control-plane.ts';
import { bundleAgent } from '../../images/bundle.ts';
import type { AgentResult } from '../document/records.ts';
import { readRecord, recordFile, writeResults } from '../results.ts';

const root = join(import.meta.dirname, '../..');
const LIMITS = { privateDirty: 25, rss: 65 };

/** Memory of a process in MB (10^6 bytes would flatter: these are 2^20). */
async function memory(pid: number): Promise<{ privateDirty: number; rss: number; pss: number }> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / 1024;
  return { privateDirty: read('Private_Dirty'), rss: read('Rss'), pss: read('Pss') };
}

/** Node's flags and the environment that the image gives the agent. */
async function imageSettings(): Promise<{ flags: string[]; env: Record<string, string> }> {
  const entry = await readFile(join(root, 'images/proxy/pilot-agent'), 'utf8');
  const flags = /^exec \S+ (.*?) ?\/opt/m.exec(entry)?.[1]?.split(' ').filter(Boolean) ?? [];
  const dockerfile = await readFile(join(root, 'images/proxy/Dockerfile'), 'utf8');
  const env =
    /^ENV (.*)$/m
      .exec(dockerfile)?.[1]
      ?.split(' ')
      .map((pair) => pair.split('=') as [string, string]) ?? [];
  return { flags, env: Object.fromEntries(env) };
}

const { values } = parseArgs({
  options: {
    idle: { type: 'string', default: '20' },
    probes: { type: 'boolean', default: false },
    flags: { type: 'string' },
    record: { type: 'boolean', default: false },
  },
});
const bundle = await mkdtemp(join(tmpdir(), 'isthmus-bundle-'));
try {
  await bundleAgent(join(root, 'src'), bundle);
  const settings = await imageSettings();
  const flags = values.flags?.split(' ').filter(Boolean) ?? settings.flags;
  await using control = await startStubControlPlane();
  const app = createServer((_, response) => response.end('ok\n')).listen(0, '127.0.0.1');
  await once(app, 'listening');
  using _app = { [Symbol.dispose]: () => app.close() };
  const probe = { httpGet: { path: '/', port: (app.address() as AddressInfo).port } };
  await using agent = await runAgent({
    discoveryPort: control.port,
    caPort: control.caPort,
    rootPem: control.rootPem,
    serverName: SERVER_NAME,
    env: { ...settings.env, ISTIO_KUBE_APP_PROBERS: JSON.stringify({ '/app-health/app/readyz': probe }) },
    command: [join(root, 'node_modules/node/bin/node'), ...flags, join(bundle, 'agent.mjs')],
  });
  await agent.until(
    'the proxy is ready',
    async () => (await agent.get(agent.ports.ready, '/healthz/ready')).status === 200,
  );
  const end = performance.now() + Number(values.idle) * 1000;
  while (performance.now() < end) {
    // A probe every second is what kubelet does to a pod that is starting; a scrape every few is Prometheus.
    if (values.probes) {
      await agent.get(agent.ports.ready, '/healthz/ready');
      await agent.get(agent.ports.status, '/app-health/app/readyz');
      await agent.get(agent.ports.status, '/stats/prometheus');
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  const { privateDirty, rss, pss } = await memory(agent.pid);
  console.log(`node flags: ${flags.join(' ') || '(none)'}`);
  console.log(`after ${values.idle} s${values.probes ? ' with two probes and a scrape a second' : ' idle'}:`);
  console.log(`  Private_Dirty ${privateDirty.toFixed(1)} MB (limit ${LIMITS.privateDirty})`);
  console.log(`  RSS           ${rss.toFixed(1)} MB (limit ${LIMITS.rss})`);
  console.log(`  PSS           ${pss.toFixed(1)} MB`);
  // Beside what was measured under the other load, if that was recorded before.
  const load = values.probes ? 'two probes and a scrape a second' : 'idle';
  const others = readRecord<AgentResult>('agent')?.results.filter((one) => one.load !== load) ?? [];
  const result: AgentResult = { load, privateDirtyMb: privateDirty, rssMb: rss, pssMb: pss };
  if (values.record)
    writeResults(
      recordFile('agent'),
      [...others, result].sort((a, b) => (a.load < b.load ? -1 : 1)),
    );
  process.exitCode = privateDirty > LIMITS.privateDirty || rss > LIMITS.rss ? 1 : 0;
} finally {
  await rm(bundle, { recursive: true, force: true });
}
