// A small HTTP(S) server: routes are functions from a request to an answer, bodies and times are bounded.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import { type AddressInfo, isIP } from 'node:net';
import { splitAddress } from './options.ts';

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** Address of the peer, without port. */
  readonly remote: string;
  /** Reads the whole body. Rejects with BodyTooLarge when it is larger than allowed. */
  body(): Promise<Buffer>;
}

export interface HttpAnswer {
  readonly status?: number;
  readonly type?: string;
  readonly body: string | Uint8Array;
}

export type HttpHandler = (request: HttpRequest) => Promise<HttpAnswer> | HttpAnswer;

/** A request body that is larger than we read. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

export interface HttpServerOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  readonly handler: HttpHandler;
  /** Serves HTTPS with these. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly maxBodyBytes?: number;
  readonly onError?: (error: unknown, request: string) => void;
}

export interface HttpServer extends AsyncDisposable {
  readonly port: number;
  /** New connections get this certificate. */
  setTls(tls: { readonly cert: string; readonly key: string }): void;
}

/** Starts listening. Rejects when the address cannot be had. */
export async function serveHttp(options: HttpServerOptions): Promise<HttpServer> {
  const { maxBodyBytes = 8 * 1024 * 1024, tls } = options;
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void answer(request, response, { ...options, maxBodyBytes });
  };
  const limits = { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 60_000 };
  const server: Server | SecureServer = tls
    ? createSecureServer({ ...limits, ...tls, minVersion: 'TLSv1.2' }, listener)
    : createServer(limits, listener);
  server.on('tlsClientError', () => {});
  const { host, port } = splitAddress(options.address);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host ? { host } : {}) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    setTls(next) {
      if (tls) (server as SecureServer).setSecureContext({ ...next, minVersion: 'TLSv1.2' });
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const late = setTimeout(() => server.closeAllConnections(), 2000);
      await closed;
      clearTimeout(late);
    },
  };
}

type Limits = HttpServerOptions & { readonly maxBodyBytes: number };

async function answer(request: IncomingMessage, response: ServerResponse, options: Limits): Promise<void> {
  // Stock istioctl asks for //version, which would be a host's name here.
  const url = new URL((request.url ?? '/').replace(/^\/+/, '/'), 'http://localhost');
  let result: HttpAnswer;
  try {
    result = await options.handler({
      method: request.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      remote: plainAddress(request.socket.remoteAddress ?? ''),
      body: () => readBody(request, options.maxBodyBytes),
    });
  } catch (error) {
    if (error instanceof BodyTooLarge) result = { status: 413, body: `${error.message}\n` };
    else {
      options.onError?.(error, `${request.method} ${url.pathname}`);
      result = { status: 500, body: 'internal error; see the logs of the control plane\n' };
    }
  }
  // The rest of a body that nobody wants to read must not keep the connection alive.
  if (!request.complete) response.setHeader('connection', 'close');
  response.writeHead(result.status ?? 200, { 'content-type': result.type ?? 'text/plain; charset=utf-8' });
  response.end(result.body);
}

async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const tooLarge = (): BodyTooLarge => new BodyTooLarge(`the request body is larger than ${limit} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** True for addresses that only this machine (or pod) can have. */
export function isLoopback(address: string): boolean {
  return isIP(address) !== 0 && (address === '::1' || address.startsWith('127.'));
}

/** IPv4 seen through an IPv6 socket, as IPv4. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
