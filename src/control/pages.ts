// The HTTP side for people and probes: /ready, /version, /metrics, log levels and the debug endpoints.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Mesh } from '../ingest/mesh.ts';
import type { Clusters } from './clusters.ts';
import { configz, endpointz, inventory, registryz } from './debug-mesh.ts';
import type { HttpAnswer, HttpHandler, HttpRequest } from './http-server.ts';
import { json } from './json-answer.ts';
import { LEVELS, type Level, type Logs } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { ProblemBook } from './problem-book.ts';
import { VERSION } from './version.ts';

export interface PagesOptions {
  readonly mesh: Mesh;
  /** Absent in standalone runs. */
  readonly clusters?: Clusters;
  readonly configCluster: string;
  readonly metrics: Metrics;
  readonly logs: Logs;
  readonly problems: ProblemBook;
  /** '' when ready, else what is waited for. */
  readonly notReady: () => string;
  /** Undefined when the caller may look. */
  readonly guard: (request: HttpRequest) => Promise<HttpAnswer | undefined>;
  /** More debug pages by name (without `/debug/`). */
  readonly more: Readonly<Record<string, DebugPage>>;
}

/** A debug page: query → value that is shown as JSON, or a complete answer. */
export type DebugPage = (query: URLSearchParams) => unknown | Promise<unknown>;

export interface Pages {
  readonly handler: HttpHandler;
  /** The debug page behind a name like `syncz` or `config_dump?proxyID=a.b`; undefined when there is none. */
  debug(name: string): Promise<HttpAnswer | undefined>;
}

/** How often the delay of the event loop is sampled: each sample wakes an idle process. */
const DELAY_SAMPLE_MS = 200;

/** Makes the pages. They are the same on the monitoring and the HTTP port. */
export function createPages(options: PagesOptions): Pages {
  const { mesh, metrics, logs, problems } = options;
  const delay = monitorEventLoopDelay({ resolution: DELAY_SAMPLE_MS });
  delay.enable();
  const debugPages: Readonly<Record<string, DebugPage>> = {
    registryz: () => registryz(mesh),
    endpointz: (query) => endpointz(mesh, query.get('service') ?? ''),
    endpointShardz: () => endpointz(mesh),
    configz: () => configz(mesh),
    clusterz: () => clusterz(options),
    push_status: () => ({ ...inventory(mesh), problems: problems.all() }),
    problems: () => problems.all(),
    loglevel: (query) => loglevel(query, logs),
    ...options.more,
  };
  const index = (): unknown =>
    Object.keys(debugPages)
      .sort()
      .map((name) => `/debug/${name}`);

  const debug = async (name: string): Promise<HttpAnswer | undefined> => {
    const mark = name.indexOf('?');
    const page = debugPages[mark < 0 ? name : name.slice(0, mark)];
    if (!page) return undefined;
    const value = await page(new URLSearchParams(mark < 0 ? '' : name.slice(mark + 1)));
    return isAnswer(value) ? value : json(value);
  };

  const handler: HttpHandler = async (request) => {
    const { path } = request;
    if (path === '/ready') return ready(options.notReady());
    // Plain, as istiod answers: a stock istioctl takes the whole body for the version.
    if (path === '/version') return { status: 200, body: VERSION };
    if (path === '/metrics') {
      for (const [name, value] of Object.entries(inventory(mesh))) if (name === 'services') metrics.services.set(value);
      // The time between two samples is in every figure.
      metrics.eventLoopDelay.set(Math.max(0, delay.percentile(99) / 1e9 - DELAY_SAMPLE_MS / 1e3));
      delay.reset();
      return { type: metrics.registry.contentType, body: await metrics.registry.metrics() };
    }
    const scope = path === '/scopej' || path.startsWith('/scopej/');
    if (!scope && path !== '/debug' && !path.startsWith('/debug/')) return { status: 404, body: 'not found\n' };
    const refused = await options.guard(request);
    if (refused) return refused;
    if (scope) return scopes(request, logs);
    if (path === '/debug' || path === '/debug/') return json(index());
    const answer = await debug(`${path.slice('/debug/'.length)}?${request.query}`);
    return answer ?? { status: 404, body: `there is no ${path}; see /debug\n` };
  };
  return { handler, debug };
}

function ready(reason: string): HttpAnswer {
  return reason ? { status: 503, body: `not ready: ${reason}\n` } : { body: 'ready\n' };
}

function clusterz({ clusters, configCluster }: PagesOptions): unknown[] {
  if (!clusters) return [{ id: configCluster, secretName: '', syncStatus: 'synced' }];
  return clusters.list().map((cluster) => ({
    id: cluster.id,
    secretName: cluster.secret,
    syncStatus: cluster.status,
    server: cluster.client.server,
    kinds: cluster.states.map(({ kind, synced, missing, objects, error }) => ({
      kind,
      synced,
      missing,
      objects,
      ...(error ? { error: error.message } : {}),
    })),
  }));
}

/** `/debug/loglevel?scope=level&…` sets, without query it shows. */
function loglevel(query: URLSearchParams, logs: Logs): HttpAnswer | Readonly<Record<string, Level>> {
  for (const [scope, level] of query) {
    const known = LEVELS.find((candidate) => candidate === level);
    if (!known) return { status: 400, body: `"${level}" is not a level; use ${LEVELS.join(', ')}\n` };
    logs.setLevel(scope, known);
  }
  return logs.levels();
}

/** ControlZ's way: GET /scopej lists, PUT /scopej/<scope> with {"output_level": …} sets. */
async function scopes(request: HttpRequest, logs: Logs): Promise<HttpAnswer> {
  const name = decodeURIComponent(request.path.slice('/scopej/'.length));
  if (request.method === 'PUT' && name) {
    const body = await request.body();
    let level: Level | undefined;
    try {
      const wanted = (JSON.parse(body.toString('utf8')) as { output_level?: string }).output_level;
      level = LEVELS.find((candidate) => candidate === wanted);
    } catch {
      level = undefined;
    }
    if (!level) return { status: 400, body: `send {"output_level": "…"} with one of ${LEVELS.join(', ')}\n` };
    logs.setLevel(name, level);
    return { status: 202, body: '' };
  }
  const all = Object.entries(logs.levels()).map(([scope, output_level]) => ({ name: scope, output_level }));
  if (!name) return json(all);
  const one = all.find((scope) => scope.name === name);
  return one ? json(one) : { status: 404, body: `there is no scope ${name}\n` };
}

function isAnswer(value: unknown): value is HttpAnswer {
  return typeof value === 'object' && value !== null && 'body' in value;
}
