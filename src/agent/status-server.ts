// The agent's HTTP port (15020): readiness, rewritten app probes, merged metrics, and requests to drain or quit.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { TelemetryIdentity } from '../lib/telemetry-identity.ts';
import type { AdminOptions } from './envoy-admin.ts';
import type { Logger } from './log.ts';
import type { ScrapeTarget } from './metrics.ts';
import { writeAppMetrics, writeEnvoyMetrics } from './metrics.ts';
import { runProbe } from './probe.ts';
import type { Prober } from './probers.ts';
import type { Readiness } from './readiness.ts';

export interface StatusServerOptions {
  readonly port: number;
  readonly host?: string;
  readonly admin: AdminOptions;
  /** What Envoy's metrics say about this workload. */
  readonly own?: TelemetryIdentity;
  readonly log: Logger;
  readonly probers: ReadonlyMap<string, Prober>;
  /** The pod's address, for probes; and the source that capture lets pass. */
  readonly address: string;
  readonly source?: string;
  readonly scrape?: ScrapeTarget;
  /** The agent's own metrics, in Prometheus text. */
  readonly metrics: () => string;
  readonly readiness: () => Promise<Readiness>;
  readonly drain: () => Promise<void>;
  readonly quit: () => void;
}

/** Resolves when the port is open; rejects when it is taken. */
export async function startStatusServer(options: StatusServerOptions): Promise<Server> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: Error) => {
      options.log.debug(`answering ${request.url} failed: ${error.message}`);
      if (response.headersSent) response.destroy();
      else send(response, 500, `${error.message}\n`);
    });
  });
  // One probe or scrape at a time is the rule; a flood must not become memory.
  server.maxConnections = 256;
  server.requestTimeout = 15_000;
  server.headersTimeout = 5_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port, host: options.host }, resolve);
  });
  return server;
}

async function answer(options: StatusServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  const { pathname: path, search } = new URL(request.url ?? '/', 'http://agent');
  switch (path) {
    case '/healthz/ready':
      return ready(options, response);
    case '/stats/prometheus':
    case '/metrics':
      return metrics(options, response);
    case '/stats/envoy':
      response.setHeader('content-type', TEXT);
      await writeEnvoyMetrics(response, { admin: options.admin, query: search.slice(1), own: options.own });
      response.end();
      return;
    case '/drain':
    case '/quitquitquit':
      return command(options, path, request, response);
  }
  const prober = options.probers.get(path);
  if (!prober) {
    send(response, 404, `no such path: ${path}\n`);
    return;
  }
  const { address, source } = options;
  const result = await runProbe(prober, { address, source, headers: request.headers });
  send(response, result.status, result.body);
}

const TEXT = 'text/plain; version=0.0.4; charset=utf-8';

async function ready(options: StatusServerOptions, response: ServerResponse): Promise<void> {
  const result = await options.readiness();
  send(response, result.ready ? 200 : 503, result.ready ? '' : `${result.reason}\n`);
}

/** Either part may fail alone: what can be had is given, so a broken app endpoint does not blind the mesh's metrics. */
async function metrics(options: StatusServerOptions, response: ServerResponse): Promise<void> {
  response.setHeader('content-type', TEXT);
  response.write(options.metrics());
  await writeEnvoyMetrics(response, { admin: options.admin, own: options.own }).catch((error: Error) => {
    if (response.destroyed) throw error;
    options.log.warn(`cannot scrape Envoy: ${error.message}`);
  });
  if (options.scrape) {
    await writeAppMetrics(response, options.scrape, { host: '127.0.0.1' }).catch((error: Error) => {
      if (response.destroyed) throw error;
      options.log.warn(`cannot scrape the app: ${error.message}`);
    });
  }
  response.end();
}

/** Only from inside the pod, and only by POST. */
async function command(
  options: StatusServerOptions,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const from = request.socket.remoteAddress ?? '';
  if (!/^(::ffff:)?127\.|^::1$/.test(from)) return send(response, 403, 'only requests from localhost are allowed\n');
  if (request.method !== 'POST') return send(response, 405, 'only POST is allowed\n');
  if (path === '/drain') await options.drain();
  send(response, 200, 'OK\n');
  if (path === '/quitquitquit') options.quit();
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(body);
}
