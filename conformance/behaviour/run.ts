// Runs the records against real Envoys: `node conformance/behaviour/run.ts [part of a name …]`, as root.
//
// Starts itself again in network and process namespaces of its own. One line of JSON for each record and way is written to
// file descriptor 3 when there is one, and a readable one to stdout.
import { spawn } from 'node:child_process';
import { readFileSync, writeSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubernetesObject } from '../../src/kinds/object.ts';
import { ensureEnvoy } from '../../tools/envoy.ts';
import { ADMIN_PORT } from './bootstrap.ts';
import { createCertificates } from './certificates.ts';
import { type Control, startControl } from './control.ts';
import { differences } from './expect.ts';
import { scraped } from './metrics.ts';
import { addressOf, complete } from './objects.ts';
import { CLIENTS, PODS, podNamed } from './pods.ts';
import type { ProbeRequest } from './protocol.ts';
import { loadRecords, type Record_, type Step } from './record.ts';
import { createWorld, type World } from './world.ts';

const INSIDE = '--inside';

export interface Outcome {
  readonly record: string;
  /** `fresh`: the objects came at once; `edited`: from another state of the same objects. */
  readonly way: 'fresh' | 'edited';
  readonly problems: readonly string[];
  readonly ms: number;
}

/** How long a proxy may take after its acknowledgement: warming of clusters and listeners goes on in Envoy. */
const PATIENCE_MS = 2_500;

async function inside(only: readonly string[]): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-behaviour-'));
  await chmod(directory, 0o755);
  let failed = 0;
  try {
    await using control = await startControl(directory, { audit: !process.env.NO_AUDIT });
    using world = await createWorld(directory, await ensureEnvoy(), await createCertificates(directory));
    await control.apply(complete([]));
    await world.startProxies(control.port);
    const records = loadRecords(join(import.meta.dirname, 'records')).filter(
      ({ name, file }) => only.length === 0 || only.some((part) => name.includes(part) || file.includes(part)),
    );
    for (const record of records) {
      for (const way of ['fresh', 'edited'] as const) {
        const outcome = await runRecord({ record, way, world, control });
        report(outcome);
        if (outcome.problems.length === 0) continue;
        failed++;
        await keepConfiguration(world, directory, outcome);
      }
    }
    console.log(`${records.length * 2 - failed} passed, ${failed} failed`);
  } finally {
    if (failed > 0 || process.env.KEEP) console.log(`logs: ${directory}`);
    else await rm(directory, { recursive: true, force: true });
  }
  return failed;
}

interface Run {
  readonly record: Record_;
  readonly way: Outcome['way'];
  readonly world: World;
  readonly control: Control;
}

async function runRecord({ record: written, way, world, control }: Run): Promise<Outcome> {
  const started = performance.now();
  const record = withCertificates(written, world);
  const problems: string[] = [];
  try {
    if (way === 'edited') await control.apply(complete(record.before ?? withoutPolicy(record.objects)));
    await control.apply(complete(record.objects), record);
    for (const [index, step] of record.steps.entries()) {
      for (const from of step.from === undefined || step.from === 'client' ? CLIENTS : [step.from]) {
        const found = await patiently(() => runStep({ step, from, record, world }));
        problems.push(...found.map((problem) => `request ${index + 1} from ${from}: ${problem}`));
      }
    }
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  return { record: record.name, way, problems, ms: performance.now() - started };
}

/** `${server.cert}` in objects (also `.key`, `.root`, and `mesh:<pod>`) stands for that file, in base64 as Secrets have it. */
function withCertificates(record: Record_, world: World): Record_ {
  const fill = (objects: readonly KubernetesObject[]): KubernetesObject[] =>
    JSON.parse(
      JSON.stringify(objects).replaceAll(/\$\{([a-z0-9:-]+)\.(cert|key|root)\}/g, (_, name: string, part: 'cert') => {
        const files = world.certificates.get(name);
        if (!files) throw new Error(`there is no certificate ${name}`);
        return readFileSync(files[part]).toString('base64');
      }),
    );
  return { ...record, objects: fill(record.objects), ...(record.before && { before: fill(record.before) }) };
}

/** For whoever looks into a failure: what every Envoy had, beside its log. */
async function keepConfiguration(world: World, directory: string, { record, way }: Outcome): Promise<void> {
  const name = `${record.replaceAll(/[^a-z0-9]+/gi, '-')}-${way}`;
  for (const pod of PODS.filter(({ proxy }) => proxy)) {
    for (const page of ['config_dump?include_eds', 'clusters', 'stats?usedonly']) {
      const admin = { kind: 'http', address: '127.0.0.1', port: ADMIN_PORT, host: 'admin', timeoutMs: 3_000 } as const;
      const [answer] = await world.probe(pod.name, { ...admin, path: `/${page}` });
      await writeFile(join(directory, `${name}-${pod.name}-${page.split(/[_?]/)[0]}.txt`), answer?.body ?? '');
    }
  }
}

/** Asks again while the answer is not the expected one. */
async function patiently(attempt: () => Promise<string[]>): Promise<string[]> {
  const deadline = performance.now() + PATIENCE_MS;
  for (let pause = 20; ; pause *= 1.5) {
    const problems = await attempt();
    if (problems.length === 0 || performance.now() > deadline) return problems;
    await sleep(pause);
  }
}

/** The default other state: what is configured is not there yet; where nothing is, one object is missing. */
function withoutPolicy(objects: readonly KubernetesObject[]): KubernetesObject[] {
  const plain = objects.filter(({ apiVersion = 'v1' }) => !apiVersion.includes('istio.io'));
  return plain.length < objects.length ? plain : plain.slice(0, -1);
}

interface StepRun {
  readonly step: Step;
  readonly from: string;
  readonly record: Record_;
  readonly world: World;
}

async function runStep({ step, from, record, world }: StepRun): Promise<string[]> {
  const results = await world.probe(from, request({ step, from, record, world }));
  if (!step.expect.metrics) return differences(results, step.expect);
  const own = podNamed(from);
  const pages = results.map(async (result) => ({ ...result, body: await scraped(result.body ?? '', own) }));
  return differences(await Promise.all(pages), step.expect);
}

function request({ step, from, record, world }: StepRun): Omit<ProbeRequest, 'id'> {
  const target = step.get ?? step.h2 ?? `tcp://${step.tcp}`;
  const url = new URL(target);
  const secure = url.protocol === 'https:' || step.sni !== undefined;
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  const dialled = (step.dial ?? '').split(':');
  const address = dialled[0] ? addressOfPod(dialled[0]) : addressOf(url.hostname, record.objects);
  if (!address) throw new Error(`nothing in the record says where ${url.hostname} is: add a Service or "dial"`);
  const certificate = step.certificate ? world.certificates.get(step.certificate) : undefined;
  if (step.certificate && !certificate) throw new Error(`there is no certificate ${step.certificate}`);
  return {
    kind: step.tcp ? 'tcp' : step.h2 ? 'http2' : 'http',
    address,
    port: dialled[1] ? Number(dialled[1]) : port,
    from: podNamed(from).address,
    host: url.host,
    method: step.method,
    path: `${url.pathname}${url.search}` || '/',
    headers: step.headers,
    send: step.send,
    ...(secure && {
      tls: {
        sni: step.sni ?? url.hostname,
        alpn: step.alpn,
        ...(step.verify && { ca: world.certificates.get('server')!.root }),
        ...(certificate && { cert: certificate.cert, key: certificate.key }),
      },
    }),
    timeoutMs: step.timeoutMs ?? 3_000,
    count: step.count,
    parallel: step.parallel ?? (step.count ? 8 : 1),
  };
}

const addressOfPod = (name: string): string => (/^[\d.]+$/.test(name) ? name : podNamed(name).address);

function report(outcome: Outcome): void {
  const { record, way, problems, ms } = outcome;
  console.log(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${ms.toFixed(0).padStart(5)} ms  ${record} (${way})`);
  for (const problem of problems) console.log(`       ${problem}`);
  if (process.env.OUTCOMES) writeSync(Number(process.env.OUTCOMES), `${JSON.stringify(outcome)}\n`);
}

/** Namespaces of its own: nothing outside is touched, and nothing outlives the process. */
function outside(args: readonly string[]): Promise<number> {
  const namespaces = ['--net', '--pid', '--mount-proc', '--fork', '--kill-child'];
  const child = spawn('unshare', [...namespaces, process.execPath, import.meta.filename, INSIDE, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', ...(process.env.OUTCOMES ? (['inherit'] as const) : [])],
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill('SIGKILL'));
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)));
}

const args = process.argv.slice(2);
process.exit(args[0] === INSIDE ? Math.min(await inside(args.slice(1)), 1) : await outside(args));
