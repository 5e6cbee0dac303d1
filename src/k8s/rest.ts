// A small REST client for one API server: node:https with kept connections, bounded answers, errors that name the cluster.
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { createGunzip } from 'node:zlib';
import { turn } from '../lib/turns.ts';
import type { ApiAccess, Credential } from './access.ts';
import { ApiError } from './api-error.ts';

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path below the server's address, without query. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** Default `application/json`; patches name their own. */
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal;
  /** Until the whole answer is read; for streams, until the answer begins. Default 30 s. */
  readonly timeoutMs?: number;
}

export interface ApiClient extends Disposable {
  /** Name of the cluster, for errors. */
  readonly cluster: string;
  readonly server: string;
  /** Sends a request and reads the JSON (or, where the server sends something else, text) answer. Rejects with ApiError. */
  request<T>(request: ApiRequest): Promise<T>;
  /** Sends a request and hands out the answer as it arrives (watch, logs). The caller must read or destroy it. */
  stream(request: ApiRequest): Promise<IncomingMessage>;
}

export interface RestOptions {
  readonly cluster: string;
  readonly access: ApiAccess;
  readonly userAgent?: string;
  /** Connections for requests; watches have their own. */
  readonly maxSockets?: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;
/** A page of a list is about half a MB; anything near this is not an answer we can use. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;
const LARGE_BODY_BYTES = 64 * 1024;

/** Opens a client. Nothing is sent until the first request; disposing it ends all connections. */
export function createApiClient({ cluster, access, userAgent = 'isthmus', maxSockets = 8 }: RestOptions): ApiClient {
  const secure = access.server.startsWith('https:');
  const base = new URL(access.server);
  const prefix = base.pathname.replace(/\/+$/, '');
  let agents = openAgents(access, {}, secure, maxSockets);
  let pluginCert: string | undefined;

  async function send(options: ApiRequest, streaming: boolean): Promise<IncomingMessage> {
    const method = options.method ?? 'GET';
    const label = `${method} ${options.path}`;
    const wrap = (error: unknown): ApiError => networkError(error, cluster, label, access.server);
    const credential = await access.credential().catch((error: unknown) => {
      throw wrap(error);
    });
    if (credential.cert !== pluginCert) {
      closeAgents(agents);
      agents = openAgents(access, credential, secure, maxSockets);
      pluginCert = credential.cert;
    }
    const body = options.body === undefined ? undefined : Buffer.from(JSON.stringify(options.body));
    const headers: Record<string, string | number> = {
      accept: options.accept ?? 'application/json',
      'user-agent': userAgent,
      ...(streaming ? {} : { 'accept-encoding': 'gzip' }),
      ...(credential.authorization ? { authorization: credential.authorization } : {}),
      ...(body ? { 'content-type': options.contentType ?? 'application/json', 'content-length': body.length } : {}),
    };
    const search = query(options.query);
    const signals = [AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS)];
    if (options.signal) signals.push(options.signal);
    // A stream outlives the time limit for its beginning, so that limit must not stay attached to it.
    const signal = streaming ? options.signal : AbortSignal.any(signals);
    return new Promise((resolve, reject) => {
      const request = (secure ? httpsRequest : httpRequest)({
        agent: streaming ? agents.streams : agents.requests,
        hostname: base.hostname.replace(/^\[|\]$/g, ''),
        port: base.port || (secure ? 443 : 80),
        path: `${prefix}${options.path}${search}`,
        method,
        headers,
        signal,
      });
      const late = streaming
        ? setTimeout(
            () => request.destroy(new Error(`no answer within ${options.timeoutMs ?? DEFAULT_TIMEOUT_MS} ms`)),
            options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
          )
        : undefined;
      request.on('error', (error) => {
        clearTimeout(late);
        reject(wrap(error));
      });
      request.on('response', (response) => {
        clearTimeout(late);
        resolve(response);
      });
      request.end(body);
    });
  }

  async function refuse(response: IncomingMessage, label: string): Promise<never> {
    const text = await readBody(response).catch(() => '');
    throw statusError(response, text, cluster, label);
  }

  return {
    cluster,
    server: access.server,
    async request<T>(options: ApiRequest): Promise<T> {
      const label = `${options.method ?? 'GET'} ${options.path}`;
      const response = await send(options, false);
      if (!succeeded(response)) return refuse(response, label);
      const text = await readBody(response).catch((error: unknown) => {
        throw networkError(error, cluster, label, access.server);
      });
      if (!String(response.headers['content-type'] ?? '').includes('json')) return text as T;
      try {
        return JSON.parse(text) as T;
      } catch (cause) {
        const message = 'the server answered with something that is not JSON';
        throw new ApiError({ cluster, status: 0, reason: 'BadAnswer', message, request: label, cause });
      }
    },
    async stream(options: ApiRequest): Promise<IncomingMessage> {
      const response = await send(options, true);
      if (!succeeded(response)) return refuse(response, `${options.method ?? 'GET'} ${options.path}`);
      return response;
    },
    [Symbol.dispose]: () => closeAgents(agents),
  };
}

interface Agents {
  readonly requests: HttpAgent;
  readonly streams: HttpAgent;
}

function openAgents(access: ApiAccess, credential: Credential, secure: boolean, maxSockets: number): Agents {
  const proxyEnv = access.proxyUrl ? { HTTP_PROXY: access.proxyUrl, HTTPS_PROXY: access.proxyUrl } : undefined;
  const common = { keepAlive: true, keepAliveMsecs: 30_000, ...(proxyEnv ? { proxyEnv } : {}) };
  if (!secure) return { requests: new HttpAgent({ ...common, maxSockets }), streams: new HttpAgent(common) };
  const tls = {
    ca: access.tls.ca,
    cert: credential.cert ?? access.tls.cert,
    key: credential.key ?? access.tls.key,
    servername: access.tls.serverName,
    rejectUnauthorized: !access.tls.insecure,
  };
  return {
    requests: new HttpsAgent({ ...common, ...tls, maxSockets }),
    streams: new HttpsAgent({ ...common, ...tls }),
  };
}

function closeAgents(agents: Agents): void {
  agents.requests.destroy();
  agents.streams.destroy();
}

function succeeded(response: IncomingMessage): boolean {
  const status = response.statusCode ?? 0;
  return status >= 200 && status < 300;
}

function query(values: ApiRequest['query']): string {
  const entries = Object.entries(values ?? {}).filter(([, value]) => value !== undefined && value !== '');
  return entries.length ? `?${new URLSearchParams(entries.map(([key, value]) => [key, String(value)]))}` : '';
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const zipped = response.headers['content-encoding'] === 'gzip';
  const body = zipped ? response.pipe(createGunzip()) : response;
  if (zipped) response.on('error', (error) => body.destroy(error));
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error(`the answer is larger than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  // To be put together and, by the caller, parsed: milliseconds, which several clusters' pages must not add up.
  if (size > LARGE_BODY_BYTES) await turn();
  return Buffer.concat(chunks).toString('utf8');
}

function statusError(response: IncomingMessage, text: string, cluster: string, request: string): ApiError {
  const status = response.statusCode ?? 0;
  const retryAfter = Number(response.headers['retry-after']);
  const said = parseStatus(text);
  return new ApiError({
    cluster,
    status,
    reason: said.reason ?? String(status),
    message: said.message ?? (text.slice(0, 200).trim() || `HTTP status ${status}`),
    request,
    ...(Number.isFinite(retryAfter) ? { retryAfterSeconds: retryAfter } : {}),
  });
}

/** The fields of a Kubernetes `Status`, or nothing when `text` is not one. */
function parseStatus(text: string): { reason?: string; message?: string } {
  try {
    const value = JSON.parse(text) as { reason?: string; message?: string };
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function networkError(error: unknown, cluster: string, request: string, server: string): ApiError {
  if (error instanceof ApiError) return error;
  const { code, message, name, cause } = error as { code?: string; message?: string; name?: string; cause?: Error };
  const late = name === 'TimeoutError' || cause?.name === 'TimeoutError';
  const reason = late ? 'TimeoutError' : name === 'AbortError' ? name : (code ?? 'NetworkError');
  const text = late ? 'the API server did not answer in time' : (message ?? String(error));
  return new ApiError({ cluster, status: 0, reason, message: `${text} (${server})`, request, cause: error });
}
