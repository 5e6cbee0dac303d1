// API servers of several clusters in a process of their own: `node bench/ingest/api-server.ts` prints the port. Cluster n is under
// the path /cN. Lists come in pages, compressed as kube-apiserver compresses them (gzip level 1 from 128 kB on) and kept, so that a second
// client is not slowed down by this process, which shares the machine with it; watches stay open. Every kind
// that a cluster does not have is served as empty. POST /cN/touch?count=N sends that many changed pods to the watches.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { CLUSTER, type ServedKind, servedKinds } from './objects.ts';

const GZIP_FROM_BYTES = 128 * 1024;

const { values } = parseArgs({
  options: { pods: { type: 'string' }, services: { type: 'string' }, endpoints: { type: 'string' } },
});
const given = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));
const kinds = new Map(servedKinds({ ...CLUSTER, ...given }).map((kind) => [kind.path, kind]));
/** Open watches by `cluster path`. */
const watches = new Map<string, Set<ServerResponse>>();
let version = 1000;

const server = createServer((request, response) => {
  const url = new URL(request.url!, 'http://localhost');
  const [, name = '', rest = ''] = /^\/(c\d+)(\/.*)$/.exec(url.pathname) ?? [];
  const cluster = Number(name.slice(1));
  const kind = kinds.get(rest);
  if (request.method === 'POST') touch(cluster, Number(url.searchParams.get('count')), response);
  else if (url.searchParams.get('watch')) watch(`${cluster} ${rest}`, response);
  else answer(request, response, request.url!, () => list(kind, cluster, url.searchParams));
});

function list(kind: ServedKind | undefined, cluster: number, query: URLSearchParams): string {
  const from = Number(query.get('continue') ?? 0);
  const limit = Number(query.get('limit') ?? 500);
  const count = kind?.count ?? 0;
  const to = Math.min(count, from + limit);
  const metadata = { resourceVersion: String(version), ...(to < count && { continue: String(to) }) };
  const items: string[] = [];
  for (let i = from; i < to; i++) items.push(kind!.text(cluster, i, version));
  const head = JSON.stringify({ kind: kind?.list ?? 'List', apiVersion: kind?.apiVersion ?? 'v1', metadata });
  return `${head.slice(0, -1)},"items":[${items.join(',')}]}\n`;
}

interface Page {
  readonly body: Buffer;
  readonly zipped: boolean;
}

/** By URL. Objects do not change but by `touch`, whose changes come by watch. */
const pages = new Map<string, Page>();

function answer(request: IncomingMessage, response: ServerResponse, url: string, make: () => string): void {
  let page = pages.get(url);
  if (!page) {
    const body = Buffer.from(make());
    const zipped = body.length >= GZIP_FROM_BYTES && String(request.headers['accept-encoding']).includes('gzip');
    page = { body: zipped ? gzipSync(body, { level: 1 }) : body, zipped };
    pages.set(url, page);
  }
  response.setHeader('content-type', 'application/json');
  if (page.zipped) response.setHeader('content-encoding', 'gzip');
  response.end(page.body);
}

function watch(key: string, response: ServerResponse): void {
  const open = watches.get(key) ?? new Set();
  watches.set(key, open.add(response));
  response.on('close', () => open.delete(response));
  response.setHeader('content-type', 'application/json');
  response.flushHeaders();
}

/** Changed pods, as fast as they can be written. */
function touch(cluster: number, count: number, response: ServerResponse): void {
  const pods = kinds.get('/api/v1/pods')!;
  for (const stream of watches.get(`${cluster} ${pods.path}`) ?? []) {
    for (let i = 0; i < count; i++) {
      const object = pods.text(cluster, i % pods.count, ++version);
      // The type comes with each object of a watch.
      stream.write(`{"type":"MODIFIED","object":{"kind":"Pod","apiVersion":"v1",${object.slice(1)}}\n`);
    }
  }
  response.end();
}

server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
