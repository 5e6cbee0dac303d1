// The control plane as a process, as it is started by users and by its image: flags, signals, and istioctl against its port.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { TYPE_URL } from '../../src/envoy/resource.ts';
import { openPlaintextProxy } from './client.ts';

const root = join(import.meta.dirname, '../..');
const directory = mkdtempSync(join(tmpdir(), 'isthmus-process-'));
let running: ChildProcess | undefined;

beforeAll(() => {
  const service =
    'apiVersion: v1\nkind: Service\nmetadata: {name: echo, namespace: n}\nspec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}\n';
  writeFileSync(join(directory, 'a.yaml'), service);
});
afterEach(() => {
  running?.kill('SIGKILL');
  running = undefined;
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Starts `isthmus control …` and resolves with the fields of its line "ready". */
async function start(...args: string[]): Promise<Record<string, string>> {
  const child = spawn(join(root, 'bin/isthmus'), ['control', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  running = child;
  for await (const line of createInterface({ input: child.stdout })) {
    const parts = line.split('\t');
    if (!parts.includes('ready')) continue;
    child.stdout.resume();
    return Object.fromEntries(
      parts.filter((part) => part.includes('=')).map((part) => part.split('=', 2) as [string, string]),
    );
  }
  throw new Error(`it ended with ${child.exitCode} before it was ready`);
}

const stopped = (child: ChildProcess): Promise<number | null> =>
  child.exitCode === null
    ? new Promise((resolve) => child.on('exit', (code) => resolve(code)))
    : Promise.resolve(child.exitCode);

const run = (program: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    execFile(
      join(root, 'bin', program),
      args,
      { env: { ...process.env, KUBERNETES_SERVICE_HOST: '' } },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });

test('istioctl proxy-status asks it over xDS; SIGTERM sends proxies away and ends it cleanly', async () => {
  const { grpc } = await start('--config-dir', directory, '--grpcAddr', '127.0.0.1:0', '--shutdownDuration', '200ms');
  // The shell script execs: what was started is the control plane itself.
  expect(readFileSync(`/proc/${running!.pid}/cmdline`, 'utf8')).toContain('src/control/main.ts');
  using proxy = openPlaintextProxy({
    port: Number(grpc),
    node: { id: 'sidecar~10.0.0.9~p.n~n.svc.cluster.local', metadata: { ISTIO_VERSION: '1.28.0' } },
  });
  proxy.subscribe(TYPE_URL.cluster);
  while (!proxy.responses) await new Promise((resolve) => setTimeout(resolve, 20));
  const { stdout, stderr } = await run('istioctl', 'proxy-status', '--xds-address', `127.0.0.1:${grpc}`, '--plaintext');
  expect(stderr).toBe('');
  expect(stdout.split('\n')[1]).toMatch(
    /^p\.n +Kubernetes +SYNCED +NOT SENT +NOT SENT +NOT SENT +NOT SENT +istiod +1\.28\.0$/,
  );
  running!.kill('SIGTERM');
  expect(await proxy.ended).toMatchObject({ details: expect.stringContaining('connect again') });
  expect(await stopped(running!)).toBe(0);
});

test.each([
  ['an unknown flag', ['--nonsense'], /nonsense/],
  ['no cluster and no files', [], /--kubeconfig FILE, or --config-dir DIR/],
  ['a directory that is not there', ['--config-dir', '/nowhere', '--grpcAddr', ''], /--config-dir: ENOENT/],
  ['a kubeconfig that is not there', ['--kubeconfig', '/nowhere'], /--kubeconfig: ENOENT/],
  [
    'a log level that does not exist',
    ['--log_output_level', 'ads:loud', '--config-dir', '/'],
    /--log_output_level: "ads:loud"/,
  ],
])('%s is said in one sentence, with exit code 2', async (_, args, message) => {
  const { code, stderr } = await run('isthmus', 'control', ...args);
  expect(stderr).toMatch(message);
  expect(stderr).not.toContain('    at ');
  expect(code).toBe(2);
});

test('--help lists the flags', async () => {
  const { code, stdout } = await run('isthmus', 'control', '--help');
  expect(code).toBe(0);
  expect(stdout).toContain('--secureGRPCAddr');
});
