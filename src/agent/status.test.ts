import { createServer, type Server } from 'node:http';
import http2 from 'node:http2';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { activeConnectionsFromStats } from './drain.ts';
import { createLogger } from './log.ts';
import { parseScrapeTarget, renameStream } from './metrics.ts';
import { runProbe } from './probe.ts';
import { type Prober, parseProbers } from './probers.ts';
import { readinessFromStats } from './readiness.ts';
import { type StatusServerOptions, startStatusServer } from './status-server.ts';

const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});
const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port;
async function serve(handler: Parameters<typeof createServer>[1]): Promise<number> {
  const server = createServer(handler);
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return portOf(server);
}

describe('readiness', () => {
  const good = [
    'server.state: 0',
    'listener_manager.workers_started: 1',
    'cluster_manager.cds.update_success: 2',
    'listener_manager.lds.update_success: 1',
  ];
  const without = (name: string) => readinessFromStats(good.filter((line) => !line.startsWith(name)).join('\n'));
  it('needs clusters, listeners, workers and a live server', () => {
    expect(readinessFromStats(good.join('\n'))).toEqual({ ready: true });
    expect(without('cluster_manager')).toMatchObject({ ready: false, reason: expect.stringContaining('clusters') });
    expect(without('listener_manager.lds')).toMatchObject({ reason: expect.stringContaining('listeners') });
    expect(without('listener_manager.workers')).toMatchObject({ reason: expect.stringContaining('workers') });
    expect(readinessFromStats([...good, 'server.state: 1'].join('\n'))).toMatchObject({
      reason: expect.stringContaining('draining'),
    });
    expect(readinessFromStats('')).toMatchObject({ ready: false });
  });
  it('takes a rejected update as received: the last good one is in force', () => {
    const stats = good.join('\n').replace('lds.update_success', 'lds.update_rejected');
    expect(readinessFromStats(stats)).toEqual({ ready: true });
  });
});

describe('draining', () => {
  it('counts connections of listeners, not of workers, the admin port, probes and scrapes', () => {
    const stats = [
      'listener.0.0.0.0_15006.downstream_cx_active: 3',
      'listener.0.0.0.0_15006.worker_0.downstream_cx_active: 3',
      'listener.10.0.0.7_8080.downstream_cx_active: 2',
      'listener.admin.downstream_cx_active: 1',
      'listener.0.0.0.0_15021.downstream_cx_active: 1',
      'listener.0.0.0.0_15090.downstream_cx_active: 1',
      'http.inbound.downstream_cx_active: 9',
    ];
    expect(activeConnectionsFromStats(stats.join('\n'))).toBe(5);
  });
});

describe('merged metrics', () => {
  it("puts Istio's names back, across chunks and without a final newline", async () => {
    const input =
      '# TYPE envoy_istio_requests_total counter\nenvoy_mesh_istio_requests_total{reporter="source"} 4\nenvoy_server_live{} 1\nenvoy_cluster_x{cluster_name="istio_requests_total"} 1';
    for (const size of [1, 7, 1000]) {
      const chunks = input.match(new RegExp(`.{1,${size}}`, 'gs'))!.map((chunk) => Buffer.from(chunk));
      const lines = (await text(Readable.from(chunks).pipe(renameStream()))).split('\n');
      expect(lines[0]).toBe('# TYPE istio_requests_total counter');
      expect(lines[1]).toMatch(/^istio_requests_total\{reporter="source".*\} 4$/);
      expect(lines.slice(2)).toEqual([
        'envoy_server_live{} 1',
        'envoy_cluster_x{cluster_name="istio_requests_total"} 1',
        '',
      ]);
    }
  });
  it('passes bytes that are not ASCII', async () => {
    const line = 'x{a="é😀"} 1\n';
    expect(await text(Readable.from([Buffer.from(line)]).pipe(renameStream()))).toBe(line);
  });
  it('keeps little of a line without end', async () => {
    const huge = 'y'.repeat(300_000);
    expect(await text(Readable.from([Buffer.from(huge)]).pipe(renameStream()))).toContain(huge.slice(0, 1000));
  });
  it.each([
    ['{"scrape":"true","path":"/m","port":"9090"}', { port: 9090, path: '/m' }],
    ['{"scrape":"true"}', { port: 80, path: '/metrics' }],
    ['{"scrape":"false","port":"9090"}', undefined],
    ['{"scrape":"true","port":"15020"}', undefined],
    ['{"scrape":"true","port":"x"}', undefined],
    ['nonsense', undefined],
    [undefined, undefined],
  ])('scrape target %s', (json, expected) => expect(parseScrapeTarget(json, 15020)).toEqual(expected));
});

describe('probe descriptions', () => {
  it('are read from what injection writes', () => {
    const { probers, problems } = parseProbers(
      JSON.stringify({
        '/app-health/a/readyz': {
          httpGet: { path: 'x', port: 80, scheme: 'HTTPS', httpHeaders: [{ name: 'A', value: 'b' }] },
          timeoutSeconds: 3,
        },
        '/app-health/a/livez': { tcpSocket: { port: 81 } },
        '/app-health/a/startupz': { grpc: { port: 82, service: null } },
        '/app-lifecycle/a/prestopz': { httpGet: { port: '83' } },
      }),
    );
    expect(problems).toEqual([]);
    expect(Object.fromEntries(probers)).toEqual({
      '/app-health/a/readyz': {
        kind: 'http',
        scheme: 'https',
        host: undefined,
        port: 80,
        path: '/x',
        headers: [['A', 'b']],
        timeout: 3000,
      },
      '/app-health/a/livez': { kind: 'tcp', host: undefined, port: 81, timeout: 1000 },
      '/app-health/a/startupz': { kind: 'grpc', port: 82, service: '', timeout: 1000 },
      '/app-lifecycle/a/prestopz': {
        kind: 'http',
        scheme: 'http',
        host: undefined,
        port: 83,
        path: '/',
        headers: [],
        timeout: 1000,
      },
    });
  });
  it('lose bad entries and nothing else', () => {
    const { probers, problems } = parseProbers(
      '{"/x":{"httpGet":{"port":80}},"/app-health/a/livez":{"tcpSocket":{"port":1}},"/app-health/a/readyz":{"exec":{}}}',
    );
    expect([...probers.keys()]).toEqual(['/app-health/a/livez']);
    expect(problems).toHaveLength(2);
    expect(parseProbers('{').problems[0]).toContain('not JSON');
    expect(parseProbers(undefined).probers.size).toBe(0);
  });
});

describe('probes', () => {
  const context = {
    address: '127.0.0.1',
    headers: { 'user-agent': 'kube-probe/1.34', host: 'kubelet', connection: 'close' },
  };
  const http = (port: number, more: object = {}): Prober => ({
    kind: 'http',
    scheme: 'http',
    port,
    path: '/p?q=1',
    headers: [],
    timeout: 1000,
    ...more,
  });

  it("pass kubelet's headers, the probe's own over them, and the answer's status and body", async () => {
    const port = await serve((request, response) => {
      const { host, 'x-own': own, 'user-agent': agent } = request.headers;
      response.writeHead(418).end(JSON.stringify({ url: request.url, host, own, agent }));
    });
    const result = await runProbe(http(port, { headers: [['X-Own', 'v']] }), context);
    expect(result.status).toBe(418);
    expect(JSON.parse(result.body)).toEqual({
      url: '/p?q=1',
      host: `127.0.0.1:${port}`,
      own: 'v',
      agent: 'kube-probe/1.34',
    });
    const named = await runProbe(http(port, { headers: [['Host', 'me']] }), context);
    expect(JSON.parse(named.body).host).toBe('me');
  });
  it('come from the address that capture lets pass', async () => {
    const port = await serve((request, response) => response.end(request.socket.remoteAddress));
    expect((await runProbe(http(port), { ...context, source: '127.0.0.6' })).body).toBe('127.0.0.6');
    expect((await runProbe(http(port, { host: 'localhost' }), { ...context, source: '127.0.0.6' })).status).toBe(200);
  });
  it('follow redirects at home, take those elsewhere as success, and end a circle', async () => {
    const port = await serve((request, response) => {
      if (request.url === '/p?q=1') response.writeHead(302, { location: '/there' }).end();
      else if (request.url === '/there') response.writeHead(500).end();
      else if (request.url === '/away') response.writeHead(301, { location: 'http://example.invalid/' }).end();
      else response.writeHead(307, { location: request.url }).end();
    });
    expect((await runProbe(http(port), context)).status).toBe(500);
    expect((await runProbe(http(port, { path: '/away' }), context)).status).toBe(200);
    expect((await runProbe(http(port, { path: '/circle' }), context)).status).toBe(307);
  });
  it('fail with a reason when nobody answers', async () => {
    const port = await serve(() => {});
    const silent = await runProbe(http(port, { timeout: 50 }), context);
    expect(silent).toMatchObject({ status: 500, body: expect.stringContaining('failed') });
    expect(await runProbe({ kind: 'tcp', port: 1, timeout: 500 }, context)).toMatchObject({ status: 500 });
  });
  it('connect for TCP', async () => {
    const server = createTcpServer((socket) => socket.end());
    open.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    expect(await runProbe({ kind: 'tcp', port: portOf(server), timeout: 1000 }, context)).toEqual({
      status: 200,
      body: '',
    });
  });
  it('ask for gRPC health', async () => {
    const asked: Buffer[] = [];
    const server = http2.createServer();
    open.push(server);
    server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
      stream.on('data', (chunk: Buffer) => {
        asked.push(chunk);
        const service = chunk.subarray(7).toString();
        const status = service === 'up' ? 1 : 2;
        if (service === 'none') {
          stream.respond(
            { ':status': 200, 'grpc-status': '5', 'grpc-message': 'unknown service' },
            { endStream: true },
          );
          return;
        }
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(Buffer.from([0, 0, 0, 0, 2, 0x08, status]));
      });
      expect(headers[':path']).toBe('/grpc.health.v1.Health/Check');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const probe = (service: string) =>
      runProbe({ kind: 'grpc', port: portOf(server), service, timeout: 1000 }, context);
    expect(await probe('up')).toEqual({ status: 200, body: '' });
    expect(asked[0]).toEqual(Buffer.from([0, 0, 0, 0, 4, 0x0a, 2, 0x75, 0x70]));
    expect(await probe('down')).toMatchObject({ status: 500, body: expect.stringContaining('NOT_SERVING') });
    expect(await probe('none')).toMatchObject({ status: 500, body: expect.stringContaining('unknown service') });
  });
});

describe('the status port', () => {
  const start = async (
    more: Partial<StatusServerOptions>,
  ): Promise<{ get: (path: string, method?: string) => Promise<{ status: number; body: string }> }> => {
    const server: Server = await startStatusServer({
      port: 0,
      host: '127.0.0.1',
      admin: { port: 1 },
      log: createLogger({ level: 'none' }),
      probers: new Map(),
      address: '127.0.0.1',
      metrics: () => 'own 1\n',
      readiness: async () => ({ ready: true }),
      drain: async () => {},
      quit: () => {},
      ...more,
    });
    open.push(server);
    return {
      get: async (path, method = 'GET') => {
        const answer = await fetch(`http://127.0.0.1:${portOf(server)}${path}`, { method });
        return { status: answer.status, body: await answer.text() };
      },
    };
  };

  it('tells readiness with its reason', async () => {
    const { get } = await start({ readiness: async () => ({ ready: false, reason: 'not yet' }) });
    expect(await get('/healthz/ready')).toEqual({ status: 503, body: 'not yet\n' });
  });
  it('gives what metrics there are when Envoy or the app is silent', async () => {
    const app = await serve((_, response) => response.end('app_requests 7\n'));
    const { get } = await start({ scrape: { port: app, path: '/metrics' } });
    expect((await get('/stats/prometheus')).body).toBe('own 1\napp_requests 7\n');
    const broken = await serve((_, response) => response.writeHead(500).end('no'));
    const envoy = await serve((_, response) => response.end('envoy_server_live{} 1\n'));
    const other = await start({ admin: { port: envoy }, scrape: { port: broken, path: '/metrics' } });
    expect((await other.get('/stats/prometheus')).body).toBe('own 1\nenvoy_server_live{} 1\n');
  });
  it('drains and quits on POST only', async () => {
    const done: string[] = [];
    const { get } = await start({ drain: async () => void done.push('drain'), quit: () => void done.push('quit') });
    expect((await get('/drain')).status).toBe(405);
    expect((await get('/quitquitquit')).status).toBe(405);
    expect(done).toEqual([]);
    expect((await get('/drain', 'POST')).status).toBe(200);
    expect((await get('/quitquitquit', 'POST')).status).toBe(200);
    expect(done).toEqual(['drain', 'quit']);
  });
  it('runs the probes it was told of and no others', async () => {
    const app = await serve((_, response) => response.end('fine'));
    const probers = new Map<string, Prober>([
      ['/app-health/a/readyz', { kind: 'http', scheme: 'http', port: app, path: '/', headers: [], timeout: 1000 }],
    ]);
    const { get } = await start({ probers });
    expect(await get('/app-health/a/readyz')).toEqual({ status: 200, body: 'fine' });
    expect((await get('/app-health/b/readyz')).status).toBe(404);
  });
});
