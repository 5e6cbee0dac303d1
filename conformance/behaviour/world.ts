// The test world: a bridge, one network namespace for each home, traffic capture, Envoys. All of it lives in the network and
// process namespaces that the runner was started in, so the kernel removes it with the runner, however that ends.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { copyFile, link, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readCaptureOptions } from '../../src/agent/capture/options.ts';
import { captureRuleset } from '../../src/agent/capture/ruleset.ts';
import { PEER_ENVIRONMENT } from '../../src/lib/workload-text.ts';
import { bootstrap } from './bootstrap.ts';
import type { CertificateFiles, Certificates } from './certificates.ts';
import { peerText } from './metrics.ts';
import { CONTROL_ADDRESS, PODS, podNamed, type WorldPod } from './pods.ts';
import type { PodSpec, ProbeRequest, ProbeResult } from './protocol.ts';

export interface World extends Disposable {
  /** Makes requests from a pod. */
  probe(from: string, request: Omit<ProbeRequest, 'id'>): Promise<readonly ProbeResult[]>;
  /** Starts the Envoys, once the control plane listens. */
  startProxies(port: number): Promise<void>;
  /** Certificates by name: `mesh:<pod>` and `server`. */
  readonly certificates: ReadonlyMap<string, CertificateFiles>;
}

const PROXY_UID = '1337';

export async function createWorld(directory: string, envoy: string, certificates: Certificates): Promise<World> {
  const children: ChildProcess[] = [];
  const issued = new Map<string, CertificateFiles>();
  for (const pod of PODS.filter(({ proxy }) => proxy)) {
    const uris = [`spiffe://cluster.local/ns/${pod.namespace}/sa/${pod.serviceAccount}`];
    issued.set(`mesh:${pod.name}`, await certificates.issue({ name: pod.name, uris }));
  }
  issued.set('server', await certificates.issue({ name: 'server', dnsNames: ['secure.example.com', '*.example.com'] }));

  run('ip', 'link', 'set', 'lo', 'up');
  run('ip', 'link', 'add', 'br0', 'type', 'bridge');
  run('ip', 'addr', 'add', `${CONTROL_ADDRESS}/16`, 'dev', 'br0');
  run('ip', 'link', 'set', 'br0', 'up');
  const homes = new Map<string, Home>();
  for (const name of new Set(PODS.map(({ home }) => home))) {
    const pods = PODS.filter(({ home }) => home === name);
    const home = await openHome(name, pods, issued.get('server')!);
    homes.set(name, home);
    children.push(home.child);
  }
  const binary = join(directory, 'envoy');
  // Envoy runs as another user, who cannot look into root's cache.
  await link(envoy, binary).catch(() => copyFile(envoy, binary));

  return {
    certificates: issued,
    probe: (from, request) => homes.get(podNamed(from).home)!.probe(request),
    async startProxies(port) {
      for (const pod of PODS.filter(({ proxy }) => proxy)) {
        const file = join(directory, `${pod.name}.json`);
        const sdsDir = issued.get(`mesh:${pod.name}`)!.directory;
        await writeFile(file, JSON.stringify(bootstrap({ pod, control: { address: CONTROL_ADDRESS, port }, sdsDir })));
        children.push(startEnvoy({ pod, binary, file, directory, home: homes.get(pod.home)! }));
      }
    },
    [Symbol.dispose]() {
      for (const child of children) child.kill('SIGKILL');
    },
  };
}

interface Home {
  readonly child: ChildProcess;
  probe(request: Omit<ProbeRequest, 'id'>): Promise<readonly ProbeResult[]>;
}

async function openHome(name: string, pods: readonly WorldPod[], certificate: CertificateFiles): Promise<Home> {
  const captured = pods.some(({ proxy }) => proxy === 'sidecar');
  const serving = pods.filter(({ labels }) => labels.app === 'plain' || labels.app === 'meshed');
  // Applications of a sidecar listen on all addresses, as most do; several pods of one home on their own.
  const upstreams = serving.map((pod) => ({ name: pod.name, address: captured ? '0.0.0.0' : pod.address }));
  const spec: PodSpec = { upstreams, certificate };
  const child = spawn(
    'unshare',
    ['--net', process.execPath, join(import.meta.dirname, 'pod.ts'), JSON.stringify(spec)],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const lines = createInterface({ input: child.stdout! });
  const waiting = new Map<number, (results: readonly ProbeResult[]) => void>();
  let ready = () => {};
  const says = () =>
    new Promise<void>((resolve) => {
      ready = resolve;
    });
  lines.on('line', (line) => {
    const said = JSON.parse(line);
    if (said.id === undefined) ready();
    else waiting.get(said.id)?.(said.results);
    waiting.delete(said.id);
  });
  child.on('exit', (code) => {
    if (code) console.error(`pod ${name} ended with ${code}`);
    for (const answer of waiting.values()) answer([{ error: `pod ${name} ended`, ms: 0 }]);
  });
  await says();
  plugIn(name, child.pid!, pods, captured);
  const listening = says();
  child.stdin!.write('serve\n');
  await listening;
  let last = 0;
  return {
    child,
    probe: (request) =>
      new Promise((resolve) => {
        last++;
        waiting.set(last, resolve);
        child.stdin!.write(`${JSON.stringify({ ...request, id: last })}\n`);
      }),
  };
}

function plugIn(name: string, pid: number, pods: readonly WorldPod[], captured: boolean): void {
  const inside = (...args: string[]) => run('nsenter', '-t', String(pid), '-n', ...args);
  const device = `v-${name}`.slice(0, 15);
  run('ip', 'link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid));
  run('ip', 'link', 'set', device, 'master', 'br0', 'up');
  inside('ip', 'link', 'set', 'lo', 'up');
  for (const { address } of pods) inside('ip', 'addr', 'add', `${address}/16`, 'dev', 'eth0');
  inside('ip', 'link', 'set', 'eth0', 'up');
  inside('ip', 'route', 'add', 'default', 'via', CONTROL_ADDRESS);
  if (!captured) return;
  const args = '-p 15001 -z 15006 -u 1337 -m REDIRECT -i * -b * -d 15090,15021,15020'.split(' ');
  const { options } = readCaptureOptions({ args, env: {}, nameservers: [] });
  execFileSync('nsenter', ['-t', String(pid), '-n', 'nft', '-f', '-'], { input: captureRuleset(options) });
}

interface EnvoyOptions {
  readonly pod: WorldPod;
  readonly binary: string;
  readonly file: string;
  readonly directory: string;
  readonly home: Home;
}

function startEnvoy({ pod, binary, file, directory, home }: EnvoyOptions): ChildProcess {
  const child = spawn(
    'nsenter',
    [
      ...['-t', String(home.child.pid), '-n', '-S', PROXY_UID, '-G', PROXY_UID, binary],
      // Draining as under the agent, but quick: connections of an old listener would go on by its old rules.
      ...['--drain-strategy', 'immediate', '--drain-time-s', '1'],
      ...['-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', process.env.ENVOY_LOG ?? 'warning'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, [PEER_ENVIRONMENT]: peerText(pod) } },
  );
  const log = createWriteStream(join(directory, `${pod.name}.log`));
  child.stdout!.pipe(log);
  child.stderr!.pipe(log);
  child.on('exit', (code, signal) => {
    if (signal !== 'SIGKILL') console.error(`Envoy of ${pod.name} ended with ${code ?? signal}, see ${log.path}`);
  });
  return child;
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
