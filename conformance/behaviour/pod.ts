// One network namespace of the test world: tiny upstreams on its addresses, and a client that makes requests when told.
//
// Started as `unshare --net node pod.ts '<PodSpec>'`; talks in JSON lines on stdin and stdout.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { createInterface } from 'node:readline';
import tls from 'node:tls';
import type { PodSpec, ProbeRequest, ProbeResult } from './protocol.ts';

const spec: PodSpec = JSON.parse(process.argv[2]!);

type Answer = { status: number; delayMs?: number };

/** `/status/503`, `/fail-on/<pod>`, `/delay/<ms>`, `/reset-on/<pod>`: what an upstream does is said by the path. */
function answerFor(path: string, pod: string): Answer | 'reset' {
  const [, verb, argument] = path.split('?')[0]!.split('/');
  if (verb === 'status') return { status: Number(argument) };
  if (verb === 'fail-on') return { status: argument === pod ? 503 : 200 };
  if (verb === 'delay') return { status: 200, delayMs: Number(argument) };
  if (verb === 'reset-on' && argument === pod) return 'reset';
  return { status: 200 };
}

function respond(
  pod: string,
  request: http.IncomingMessage | http2.Http2ServerRequest,
  response: http.ServerResponse | http2.Http2ServerResponse,
): void {
  const answer = answerFor(request.url ?? '/', pod);
  if (answer === 'reset') {
    request.socket.destroy();
    return;
  }
  const socket = request.socket as net.Socket & Partial<tls.TLSSocket> & { servername?: string };
  const body = JSON.stringify({
    pod,
    method: request.method,
    path: request.url,
    host: request.headers[':authority'] ?? request.headers.host,
    protocol: request.httpVersion,
    headers: request.headers,
    peer: socket.remoteAddress,
    port: socket.localPort,
    sni: socket.servername || undefined,
  });
  request.resume();
  setTimeout(() => {
    response.statusCode = answer.status;
    response.setHeader('content-type', 'application/json');
    response.setHeader('x-pod', pod);
    response.end(body);
  }, answer.delayMs ?? 0);
}

/** Ports: 8080 HTTP/1.1, 8081 HTTP/2 without TLS, 8443 HTTPS, 9000 TCP (answers `<pod>:<bytes>`), 9001 speaks first. */
async function serve(): Promise<void> {
  const listening: Promise<unknown>[] = [];
  for (const { name, address } of spec.upstreams) {
    const handler = (
      q: http.IncomingMessage | http2.Http2ServerRequest,
      s: http.ServerResponse | http2.Http2ServerResponse,
    ) => respond(name, q, s);
    const servers: [net.Server, number][] = [
      [http.createServer({ keepAliveTimeout: 60_000 }, handler), 8080],
      [http.createServer({ keepAliveTimeout: 60_000 }, handler), 8082],
      [http2.createServer(handler), 8081],
      [
        net.createServer(
          (socket) => void socket.on('data', (data) => socket.end(`${name}:${data}`)).on('error', ignore),
        ),
        9000,
      ],
      [net.createServer((socket) => void socket.on('error', ignore).end(`hello from ${name}`)), 9001],
    ];
    if (spec.certificate) {
      const { cert, key } = spec.certificate;
      const options = { cert: readFileSync(cert), key: readFileSync(key) };
      servers.push([https.createServer(options, handler), 8443]);
    }
    for (const [server, port] of servers) {
      server.on('error', (error) => console.error(`${name}:${port}: ${error.message}`));
      listening.push(new Promise<void>((resolve) => server.listen({ port, host: address }, resolve)));
    }
  }
  await Promise.all(listening);
}

const ignore = () => {};

function httpRequest(probe: ProbeRequest): Promise<ProbeResult> {
  const secure = probe.tls !== undefined;
  const started = performance.now();
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve({ error: error.message, ms: performance.now() - started });
    const request = (secure ? https : http).request(
      {
        host: probe.address,
        port: probe.port,
        method: probe.method ?? 'GET',
        path: probe.path ?? '/',
        headers: { host: probe.host, ...probe.headers },
        agent: false,
        setDefaultHeaders: true,
        timeout: probe.timeoutMs,
        localAddress: probe.from,
        ...(probe.tls && tlsOptions(probe.tls)),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', fail);
        response.on('end', () => {
          resolve({
            status: response.statusCode!,
            headers: response.headers as Record<string, string>,
            body: Buffer.concat(chunks).toString(),
            ms: performance.now() - started,
          });
        });
      },
    );
    request.on('error', fail);
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.end(probe.body);
  });
}

function http2Request(probe: ProbeRequest): Promise<ProbeResult> {
  const started = performance.now();
  return new Promise((resolve) => {
    const session = http2.connect(`http://${probe.address}:${probe.port}`);
    const done = (result: Omit<ProbeResult, 'ms'>) => {
      session.destroy();
      resolve({ ...result, ms: performance.now() - started });
    };
    session.on('error', (error) => done({ error: error.message }));
    session.setTimeout(probe.timeoutMs, () => done({ error: 'timeout' }));
    const stream = session.request({
      ':authority': probe.host,
      ':method': probe.method ?? 'GET',
      ':path': probe.path ?? '/',
      ...probe.headers,
    });
    let headers: Record<string, string> = {};
    let body = '';
    stream.on('error', (error) => done({ error: error.message }));
    stream.on('response', (got) => {
      headers = got as unknown as Record<string, string>;
    });
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    stream.on('end', () => done({ status: Number(headers[':status']), headers, body }));
    stream.end(probe.body);
  });
}

function tcpRequest(probe: ProbeRequest): Promise<ProbeResult> {
  const started = performance.now();
  return new Promise((resolve) => {
    const target = { host: probe.address, port: probe.port, localAddress: probe.from };
    const socket = probe.tls ? tls.connect({ ...target, ...tlsOptions(probe.tls) }) : net.connect(target);
    let body = '';
    const done = (error?: string) => {
      socket.destroy();
      resolve({ ...(error ? { error } : {}), body, ms: performance.now() - started });
    };
    socket.setTimeout(probe.timeoutMs, () => done('timeout'));
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    socket.on('error', (error) => done(error.message));
    socket.on('end', () => done(body === '' ? 'closed without an answer' : undefined));
    socket.on('close', () => done(body === '' ? 'closed without an answer' : undefined));
    if (probe.send) socket.write(probe.send);
  });
}

function tlsOptions(options: NonNullable<ProbeRequest['tls']>): tls.ConnectionOptions {
  return {
    servername: options.sni,
    ...(options.alpn && { ALPNProtocols: [...options.alpn] }),
    ...(options.ca ? { ca: readFileSync(options.ca) } : { rejectUnauthorized: false }),
    ...(options.cert && { cert: readFileSync(options.cert), key: readFileSync(options.key!) }),
    checkServerIdentity: () => undefined,
  };
}

const KINDS = { http: httpRequest, http2: http2Request, tcp: tcpRequest };

async function obey(line: string): Promise<void> {
  const probe: ProbeRequest = JSON.parse(line);
  const results: ProbeResult[] = [];
  for (let left = probe.count ?? 1; left > 0; left -= probe.parallel ?? 1) {
    const wave = Array.from({ length: Math.min(left, probe.parallel ?? 1) }, () => KINDS[probe.kind](probe));
    results.push(...(await Promise.all(wave)));
  }
  process.stdout.write(`${JSON.stringify({ id: probe.id, results })}\n`);
}

// The namespace gets its interface only after this process exists.
createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (line === 'serve') void serve().then(() => process.stdout.write('{"ready":true}\n'));
    else void obey(line);
  })
  .on('close', () => process.exit(0));
process.stdout.write('{"started":true}\n');
