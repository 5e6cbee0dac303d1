// A small API-server client for the lab's own steps and its LoadBalancer controller: JSON over one kept connection.

import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { clusterFiles, serverUrl } from './kubernetes.ts';
import type { ClusterPlan } from './plan.ts';

/** An answer that is not a success. */
export class ApiError extends Error {
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
  }
}

/** Options of a call. */
export interface CallOptions {
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** Talks to one API server as its administrator. */
export interface ApiClient extends Disposable {
  /** One call; resolves with the parsed answer (text when it is not JSON), rejects with an {@link ApiError}. */
  call<T>(method: string, path: string, options?: CallOptions): Promise<T>;
  /** Follows a watch until it ends; `onEvent` gets each event in order. */
  watch(path: string, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<void>;
}

/** An event of a watch. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: unknown;
}

const CALL_TIMEOUT_MS = 15_000;

/** Opens a client; close it by disposing. */
export function openClient(cluster: ClusterPlan): ApiClient {
  const files = clusterFiles(cluster);
  const agent = new Agent({
    keepAlive: true,
    ca: readFileSync(files.caCertificate),
    cert: readFileSync(files.adminCertificate),
    key: readFileSync(files.adminKey),
  });
  const url = (path: string) => new URL(path, serverUrl(cluster));

  return {
    async call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
      const body = options.body === undefined ? undefined : JSON.stringify(options.body);
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      const sent = request(url(path), {
        agent,
        method,
        signal: options.signal,
        timeout: CALL_TIMEOUT_MS,
        headers: {
          accept: 'application/json',
          ...(body && {
            'content-type': options.contentType ?? 'application/json',
            'content-length': Buffer.byteLength(body),
          }),
        },
      });
      sent.on('timeout', () => sent.destroy(new Error(`${cluster.name}: no answer to ${method} ${path}`)));
      sent.on('error', reject);
      sent.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () => {
          const status = response.statusCode ?? 0;
          if (status >= 300)
            reject(new ApiError(`${cluster.name}: ${method} ${path}: ${status} ${messageOf(text)}`, status));
          else resolve(parse(text) as T);
        });
      });
      sent.end(body);
      return promise;
    },

    watch(path, onEvent, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const sent = request(url(path), { agent, signal });
      sent.on('error', (error) => (signal.aborted ? resolve() : reject(error)));
      sent.on('response', (response) => {
        let rest = '';
        response.setEncoding('utf8');
        response.on('error', (error) => (signal.aborted ? resolve() : reject(error)));
        response.on('data', (chunk: string) => {
          const lines = (rest + chunk).split('\n');
          rest = lines.pop() ?? '';
          if (response.statusCode === 200) for (const line of lines) onEvent(JSON.parse(line) as WatchEvent);
        });
        response.on('end', () => {
          const status = response.statusCode ?? 0;
          if (status === 200) resolve();
          else reject(new ApiError(`${cluster.name}: watch ${path}: ${status} ${messageOf(rest)}`, status));
        });
      });
      sent.end();
      return promise;
    },

    [Symbol.dispose]: () => agent.destroy(),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function messageOf(text: string): string {
  const status = parse(text) as { message?: string };
  return typeof status === 'object' && status?.message ? status.message : text.slice(0, 200);
}
