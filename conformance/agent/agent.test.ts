// The agent as a process, beside a real Envoy and in front of a control plane that can be told to misbehave.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tlsServer } from './resources.ts';
import { type AgentSetup, freePorts, type RunningAgent, runAgent } from './run-agent.ts';
import { SERVER_NAME, type StubControlPlane, startStubControlPlane } from './stub-control-plane.ts';

let control: StubControlPlane;
const running: AsyncDisposable[] = [];
beforeEach(async () => {
  control = await startStubControlPlane();
});
afterEach(async () => {
  for (const thing of running.splice(0).reverse()) await thing[Symbol.asyncDispose]();
  await control[Symbol.asyncDispose]();
});

async function start(more: Partial<AgentSetup> = {}): Promise<RunningAgent> {
  const agent = await runAgent({
    discoveryPort: control.port,
    caPort: control.caPort,
    rootPem: control.rootPem,
    serverName: SERVER_NAME,
    ...more,
  });
  running.push(agent);
  return agent;
}
const isReady = async (agent: RunningAgent) => (await agent.get(agent.ports.ready, '/healthz/ready')).status === 200;
const becomesReady = (agent: RunningAgent) => agent.until('the proxy is ready', () => isReady(agent));

describe('a proxy that starts', () => {
  it('proves its service account and cluster, and discovers with the certificate it got', async () => {
    const agent = await start();
    await becomesReady(agent);
    expect(control.state.orders[0]).toMatchObject({
      token: 'Bearer token-1',
      clusterId: 'cluster1',
      uri: 'spiffe://cluster.local/ns/sample/sa/web',
    });
    expect(control.state.nodes[0]).toMatchObject({
      id: 'sidecar~127.0.0.1~web-1.sample~sample.svc.cluster.local',
      cluster: 'web.sample',
      metadata: {
        LABELS: { app: 'web', version: 'v1' },
        ANNOTATIONS: { note: 'a "quoted" word' },
        CLUSTER_ID: 'cluster1',
        NAMESPACE: 'sample',
      },
    });
    expect(control.state.streamPeers[0]).toContain('spiffe://cluster.local/ns/sample/sa/web');
  });

  it('tells Envoy how its workload is called, for those that it calls', async () => {
    const agent = await start({ env: { ISTIO_META_WORKLOAD_NAME: 'web-v1' } });
    await becomesReady(agent);
    const pid = /started Envoy.*pid=(\d+)/.exec(agent.output())?.[1];
    const environment = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0');
    expect(environment).toContain('ISTHMUS_PEER=web-v1;v1@cluster1');
    expect(environment).toContain('ISTIO_META_CLUSTER_ID=cluster1');
  });

  it('keeps the private key to itself', async () => {
    const agent = await start();
    await becomesReady(agent);
    const config = (await agent.get(agent.ports.admin, '/config_dump?include_eds')).body;
    expect(config).toContain('"default"');
    expect(config).not.toContain('PRIVATE KEY');
    expect(agent.output()).not.toContain('PRIVATE KEY');
  });

  it('gives merged metrics and runs the app’s probes', async () => {
    const app = createServer((request, response) =>
      response.end(request.url === '/m' ? 'app_metric 1\n' : `probed ${request.url}`),
    );
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
    running.push({ [Symbol.asyncDispose]: async () => void app.close() });
    const { port } = app.address() as { port: number };
    const agent = await start({
      env: {
        ISTIO_PROMETHEUS_ANNOTATIONS: JSON.stringify({ scrape: 'true', path: '/m', port: String(port) }),
        ISTIO_KUBE_APP_PROBERS: JSON.stringify({ '/app-health/web/readyz': { httpGet: { path: '/ok', port } } }),
        ISTIO_META_INTERCEPTION_MODE: 'REDIRECT',
      },
    });
    // The app's health does not wait for the mesh.
    await agent.until(
      'the probe is answered',
      async () => (await agent.get(agent.ports.status, '/app-health/web/readyz')).status === 200,
    );
    expect((await agent.get(agent.ports.status, '/app-health/web/readyz')).body).toBe('probed /ok');
    await becomesReady(agent);
    const { body } = await agent.get(agent.ports.status, '/stats/prometheus');
    expect(body).toContain('app_metric 1');
    expect(body).toContain('envoy_server_live');
    expect(body).toMatch(/^istio_agent_cert_expiry_seconds\{resource_name="default"\} [1-9]/m);
    expect((await agent.get(agent.ports.prometheus, '/stats/prometheus')).body).toContain('envoy_server_live');
  });
});

describe('tools in the container', () => {
  const tool = (...args: string[]) =>
    promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../src/agent/main.ts'), ...args]).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    );

  it('wait for readiness, call the admin port, and drain', async () => {
    const agent = await start();
    const url = `--url=http://localhost:${agent.ports.ready}/healthz/ready`;
    expect(await tool('wait', url, '--timeoutSeconds=15')).toMatchObject({ code: 0 });
    const dump = await tool('request', `--debug-port=${agent.ports.admin}`, 'GET', 'config_dump');
    expect(JSON.parse(dump.stdout).configs.length).toBeGreaterThan(3);
    expect(await tool('request', `--debug-port=${agent.ports.admin}`, 'GET', 'nonsense')).toMatchObject({ code: 1 });

    expect(await tool('request', `--debug-port=${agent.ports.status}`, 'POST', 'drain')).toMatchObject({
      code: 0,
      stdout: 'OK\n',
    });
    expect(await tool('wait', url, '--timeoutSeconds=0')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('draining'),
    });
    expect((await agent.get(agent.ports.admin, '/server_info')).status).toBe(200);
  });

  it('say what is wrong with their arguments', async () => {
    expect(await tool('request', 'GET')).toMatchObject({ code: 2, stderr: expect.stringContaining('usage') });
    expect(await tool('frobnicate')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("unknown command 'frobnicate'"),
    });
    expect(await tool('proxy', 'waypoint')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("unknown type 'waypoint'"),
    });
    expect(await tool('version')).toMatchObject({ code: 0 });
  });
});

describe('a bootstrap', () => {
  it('can be overridden from a mounted file', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'override-'));
    running.push({ [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) });
    const file = join(dir, 'custom_bootstrap.json');
    await writeFile(file, JSON.stringify({ stats_flush_interval: '7s' }));
    const agent = await start({ env: { ISTIO_BOOTSTRAP_OVERRIDE: file } });
    await becomesReady(agent);
    expect((await agent.get(agent.ports.admin, '/config_dump')).body).toContain('"stats_flush_interval": "7s"');
  });
  it('is not started from settings that cannot be read', async () => {
    const agent = await start({ env: { PROXY_CONFIG: '{"a": [' } });
    expect(await agent.ended).toBe(1);
    expect(agent.output()).toContain('PROXY_CONFIG is neither JSON nor YAML');
  });
  it('takes ProxyConfig as YAML too', async () => {
    const agent = await start({
      env: { PROXY_CONFIG: 'discoveryAddress: nowhere:1\nproxyAdminPort: 1\nstatusPort: 1x\n' },
    });
    await agent.until('it started', () => agent.output().includes('discovery=nowhere:1'));
    expect(agent.output()).toContain('proxyConfig.statusPort: expected a number');
  });
});

describe('a proxy that is refused', () => {
  it('says by whom, for which cluster and why, is not ready, and heals without a restart', async () => {
    control.state.refuse = 'cluster "cluster1" is unknown: no remote secret names it';
    const agent = await start();
    await agent.until('the refusal is logged', () =>
      /cannot get a workload certificate for cluster 'cluster1' from 127\.0\.0\.1:\d+: PERMISSION_DENIED: cluster "cluster1" is unknown: no remote secret names it/.test(
        agent.output(),
      ),
    );
    const answer = await agent.get(agent.ports.status, '/healthz/ready');
    expect(answer).toEqual({ status: 503, body: 'waiting for a workload certificate\n' });
    control.state.refuse = undefined;
    await becomesReady(agent);
  });

  it('reads the token and the roots anew for every attempt', async () => {
    control.state.refuse = 'not yet';
    const agent = await start();
    await agent.until('a first refusal', () => agent.output().includes('not yet'));
    await writeFile(join(agent.dir, 'token'), 'token-2\n');
    control.state.refuse = undefined;
    await becomesReady(agent);
    expect(control.state.orders.map(({ token }) => token)).toEqual(['Bearer token-2']);
  });

  it('trusts no CA that the mesh’s roots do not', async () => {
    const other = await startStubControlPlane();
    running.push(other);
    const agent = await start({ rootPem: other.rootPem });
    await agent.until('the failure is logged', () => /UNAVAILABLE.*(certificate|issuer)/i.test(agent.output()));
    expect(control.state.orders).toEqual([]);
  });
});

describe('a certificate', () => {
  it('is renewed before half its life, and open connections stay', async () => {
    const [port] = (await freePorts(1)) as [number];
    control.state.ttlMs = 8000;
    // The agent puts its files into a directory whose name is known only after it started.
    const sdsDir = `/tmp/isthmus-agent-sds-${process.pid}-${port}`;
    running.push({ [Symbol.asyncDispose]: () => rm(sdsDir, { recursive: true, force: true }) });
    control.state.resources = [tlsServer('tls', port, sdsDir)];
    const agent = await start({ env: { ISTHMUS_SDS_DIR: sdsDir } });
    await becomesReady(agent);

    const early = await connect(port);
    running.push({ [Symbol.asyncDispose]: async () => void early.destroy() });
    const first = early.getPeerCertificate().serialNumber;
    expect(await ask(early)).toContain('200 OK');
    await agent.until('Envoy presents another certificate', async () => {
      const socket = await connect(port);
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      return serialNumber !== first;
    });
    expect(control.state.orders.length).toBeGreaterThan(1);
    expect(await ask(early)).toContain('200 OK');
    expect(agent.output()).not.toMatch(/config stream .* closed/);
  });

  it('outlives a restart of the container while the CA is away', async () => {
    const first = await start();
    await becomesReady(first);
    const state = join(first.dir, 'certs/identity.json');
    const kept = await readFile(state, 'utf8');
    expect(JSON.parse(kept).notAfter).toBeGreaterThan(Date.now());

    control.state.refuse = 'the CA is being repaired';
    const second = await start({ env: { ISTHMUS_CERT_DIR: join(first.dir, 'certs') } });
    await becomesReady(second);
    expect(control.state.orders).toHaveLength(1);
  });

  it('is taken from the pod when something provides it there', async () => {
    const donor = await start();
    await becomesReady(donor);
    const { key, chain, roots } = JSON.parse(await readFile(join(donor.dir, 'certs/identity.json'), 'utf8'));
    for (const [name, content] of Object.entries({ 'key.pem': key, 'cert-chain.pem': chain, 'root-cert.pem': roots })) {
      await writeFile(join(donor.dir, name), content as string);
    }
    control.state.refuse = 'must not be asked';
    const agent = await start({ env: { ISTHMUS_PROVIDED_CERTS: donor.dir } });
    await becomesReady(agent);
    expect(agent.output()).toContain('using the certificates in');
    expect(control.state.streamPeers).toHaveLength(2);
  });
});

describe('a proxy that ends', () => {
  it('is not ready any more, serves on for the drain time, and exits 0', async () => {
    const agent = await start({ proxyConfig: { terminationDrainDuration: '2s' } });
    await becomesReady(agent);
    agent.kill('SIGTERM');
    await agent.until('it is not ready', async () => {
      const answer = await agent.get(agent.ports.status, '/healthz/ready');
      return answer.status === 503 && answer.body === 'draining\n';
    });
    expect((await agent.get(agent.ports.admin, '/server_info')).status).toBe(200);
    expect(await agent.ended).toBe(0);
    expect((await agent.get(agent.ports.admin, '/server_info')).status).toBe(0);
  });

  it('does so on /quitquitquit, and at once when nothing is connected and that was asked for', async () => {
    const agent = await start({
      proxyConfig: { terminationDrainDuration: '3600s' },
      env: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true', MINIMUM_DRAIN_DURATION: '100ms' },
    });
    await becomesReady(agent);
    await fetch(`http://127.0.0.1:${agent.ports.status}/quitquitquit`, { method: 'POST' });
    expect(await agent.ended).toBe(0);
  });

  it('takes the agent with it when Envoy dies by itself', async () => {
    const agent = await start();
    await becomesReady(agent);
    const pid = Number(/started Envoy\tpid=(\d+)/.exec(agent.output())?.[1]);
    process.kill(pid, 'SIGKILL');
    expect(await agent.ended).toBe(1);
    expect(agent.output()).toContain('Envoy ended by itself: SIGKILL');
  });

  it('ends well when a job asks Envoy to quit', async () => {
    const agent = await start();
    await becomesReady(agent);
    await fetch(`http://127.0.0.1:${agent.ports.admin}/quitquitquit`, { method: 'POST' });
    expect(await agent.ended).toBe(0);
  });

  it('does not linger when its port is taken', async () => {
    const first = await start();
    await first.until('its port is open', async () => (await first.get(first.ports.status, '/')).status === 404);
    const second = await start({ proxyConfig: { statusPort: first.ports.status } });
    expect(await second.ended).toBe(1);
    expect(second.output()).toContain('EADDRINUSE');
  });

  it('can be stopped while it still waits for a certificate', async () => {
    control.state.refuse = 'never';
    const agent = await start();
    await agent.until('a refusal', () => agent.output().includes('never'));
    agent.kill('SIGTERM');
    expect(await agent.ended).toBe(0);
  });
});

function connect(port: number): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => resolve(socket));
    socket.on('error', reject);
  });
}

/** One request on an open connection; the answer's head. */
function ask(socket: tls.TLSSocket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    socket.once('close', () => reject(new Error('the connection was closed')));
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  });
}
