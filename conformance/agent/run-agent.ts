// Runs the real agent with the real Envoy outside of a pod: every path and port that a pod fixes is moved aside.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureEnvoy } from '../../tools/envoy.ts';

const root = join(import.meta.dirname, '../..');

export interface RunningAgent extends AsyncDisposable {
  readonly dir: string;
  readonly ports: {
    readonly admin: number;
    readonly status: number;
    readonly ready: number;
    readonly prometheus: number;
  };
  readonly pid: number;
  /** Everything it and Envoy have printed. */
  output(): string;
  kill(signal: NodeJS.Signals): void;
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  /** Status and body of a GET to a local port; status 0 when nobody answers. */
  get(port: number, path: string): Promise<{ status: number; body: string }>;
  /** Waits until the check holds; throws with the agent's output after `ms` (15 s). */
  until(what: string, check: () => Promise<boolean> | boolean, ms?: number): Promise<void>;
}

export interface AgentSetup {
  readonly type?: 'sidecar' | 'router';
  readonly discoveryPort: number;
  readonly caPort: number;
  readonly rootPem: string;
  readonly serverName: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly proxyConfig?: Readonly<Record<string, unknown>>;
  /** The program to run instead of the sources, e.g. a bundle. */
  readonly command?: readonly string[];
}

export async function runAgent(setup: AgentSetup): Promise<RunningAgent> {
  const dir = await mkdtemp(join(tmpdir(), 'isthmus-agent-'));
  await mkdir(join(dir, 'pod'));
  await writeFile(join(dir, 'token'), 'token-1');
  await writeFile(join(dir, 'root.pem'), setup.rootPem);
  await writeFile(join(dir, 'pod/labels'), 'app="web"\nversion="v1"\npod-template-hash="abc"\n');
  await writeFile(join(dir, 'pod/annotations'), 'note="a \\"quoted\\" word"\n');
  const [admin, status, ready, prometheus] = (await freePorts(4)) as [number, number, number, number];
  const ports = { admin, status, ready, prometheus };

  const [program, ...args] = setup.command ?? [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    join(root, 'src/agent/main.ts'),
  ];
  const child: ChildProcess = spawn(
    program!,
    [
      ...args,
      'proxy',
      setup.type ?? 'sidecar',
      '--domain',
      'sample.svc.cluster.local',
      '--proxyLogLevel=warning',
      '--log_output_level=default:debug',
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        POD_NAME: 'web-1',
        POD_NAMESPACE: 'sample',
        INSTANCE_IP: '127.0.0.1',
        SERVICE_ACCOUNT: 'web',
        TRUST_DOMAIN: 'cluster.local',
        ISTIO_META_CLUSTER_ID: 'cluster1',
        CA_ADDR: `127.0.0.1:${setup.caPort}`,
        ISTIOD_SAN: setup.serverName,
        CA_ROOT_CA: join(dir, 'root.pem'),
        ISTHMUS_TOKEN_FILE: join(dir, 'token'),
        ISTHMUS_SDS_DIR: join(dir, 'sds'),
        ISTHMUS_CERT_DIR: join(dir, 'certs'),
        ISTHMUS_PROVIDED_CERTS: join(dir, 'provided'),
        ISTHMUS_POD_INFO_DIR: join(dir, 'pod'),
        ENVOY_STATUS_PORT: String(ready),
        ENVOY_PROMETHEUS_PORT: String(prometheus),
        PROXY_CONFIG: JSON.stringify({
          discoveryAddress: `127.0.0.1:${setup.discoveryPort}`,
          proxyAdminPort: admin,
          statusPort: status,
          configPath: join(dir, 'etc'),
          binaryPath: await ensureEnvoy(),
          terminationDrainDuration: '0.200s',
          concurrency: 1,
          ...setup.proxyConfig,
        }),
        ...setup.env,
      },
    },
  );
  let text = '';
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const ended = new Promise<number | string>((resolve) =>
    child.on('exit', (code, signal) => resolve(code ?? signal ?? 1)),
  );

  return {
    dir,
    ports,
    pid: child.pid!,
    output: () => text,
    kill: (signal) => void child.kill(signal),
    ended,
    get: (port, path) =>
      fetch(`http://127.0.0.1:${port}${path}`).then(
        async (response) => ({ status: response.status, body: await response.text() }),
        (error: Error) => ({ status: 0, body: error.message }),
      ),
    async until(what, check, ms = 15_000) {
      const end = performance.now() + ms;
      while (!(await check())) {
        if (performance.now() > end) throw new Error(`never happened: ${what}\n${text}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      const hard = setTimeout(() => child.kill('SIGKILL'), 8000);
      await ended;
      clearTimeout(hard);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<ReturnType<typeof createServer>>((resolve) =>
        server.listen(0, '127.0.0.1', () => resolve(server)),
      );
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
