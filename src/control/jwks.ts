// Fetches the key sets that RequestAuthentications name, so that proxies need no way to their issuers.
import type { Mesh } from '../ingest/mesh.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from './log.ts';

export interface JwksOptions {
  readonly mesh: Mesh;
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn'>;
  /** For tests; the platform's own otherwise. */
  readonly fetch?: (uri: string, init: { signal: AbortSignal; redirect: 'follow' }) => Promise<Response>;
  /** Milliseconds between two readings of a key set (default 20 minutes, as in Istio). */
  readonly refreshMs?: number;
}

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 1024 * 1024;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 300_000;

/** Follows the mesh's rules until disposed of. A key set that cannot be had again stays in force as it was. */
export function followJwks(options: JwksOptions): Disposable {
  const { mesh, clock, log } = options;
  const refreshMs = options.refreshMs ?? 20 * 60_000;
  const followed = new Map<string, AbortController>();

  const follow = async (uri: string, signal: AbortSignal): Promise<void> => {
    let retry = FIRST_RETRY_MS;
    while (!signal.aborted) {
      try {
        const keys = await fetchKeys(uri, { fetch: options.fetch ?? fetch, signal });
        if (signal.aborted) return;
        mesh.inputs.jwks.set(uri, keys);
        retry = FIRST_RETRY_MS;
        await clock.sleep(refreshMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        const known =
          mesh.inputs.jwks.get(uri) === undefined ? 'tokens of its issuer are refused' : 'the last keys stay in force';
        log.warn(`cannot fetch token keys from ${uri}: ${reason(error)}; ${known}, next attempt in ${retry / 1000} s`);
        await clock.sleep(retry, signal).catch(() => {});
        retry = Math.min(retry * 2, LONGEST_RETRY_MS);
      }
    }
  };

  const update = (wanted: readonly string[]): void => {
    for (const [uri, stop] of followed) {
      if (wanted.includes(uri)) continue;
      stop.abort();
      followed.delete(uri);
      mesh.inputs.jwks.delete(uri);
    }
    for (const uri of wanted) {
      if (followed.has(uri)) continue;
      const stop = new AbortController();
      followed.set(uri, stop);
      void follow(uri, stop.signal);
    }
  };

  const observed = mesh.graph.observe(mesh.jwksUris, '', update);
  update(mesh.graph.read(mesh.jwksUris, ''));
  return {
    [Symbol.dispose]() {
      observed[Symbol.dispose]();
      for (const stop of followed.values()) stop.abort();
      followed.clear();
    },
  };
}

interface FetchOptions {
  readonly fetch: NonNullable<JwksOptions['fetch']>;
  readonly signal: AbortSignal;
}

/** The key set at a URI, or at the place that an OpenID Connect discovery document names. Throws when there is none. */
async function fetchKeys(uri: string, options: FetchOptions): Promise<string> {
  const document = await fetchJson(uri, options);
  if (typeof document.jwks_uri !== 'string') return checked(document, uri);
  return checked(await fetchJson(document.jwks_uri, options), document.jwks_uri);
}

function checked(document: Record<string, unknown>, uri: string): string {
  if (!Array.isArray(document.keys)) throw new Error(`${uri} has no key set ("keys")`);
  return JSON.stringify(document);
}

async function fetchJson(uri: string, { fetch, signal }: FetchOptions): Promise<Record<string, unknown>> {
  if (!/^https?:\/\//.test(uri)) throw new Error(`"${uri}" is not an http or https URI`);
  const response = await fetch(uri, {
    redirect: 'follow',
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  if (!response.ok) throw new Error(`${uri} answered ${response.status}`);
  const value: unknown = JSON.parse(await limited(response));
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${uri} is not a JSON object`);
  return value as Record<string, unknown>;
}

async function limited(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`the answer is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const reason = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
};
