// Leader election by a Lease: at most one of several control planes does what must be done once.
import { isConflict, isNotFound } from './api-error.ts';
import { sleep as realSleep, type Sleep } from './backoff.ts';
import { resourcePath } from './object.ts';
import { LEASE } from './resources.ts';
import type { ApiClient } from './rest.ts';

export interface LeaderOptions {
  readonly client: ApiClient;
  readonly namespace: string;
  readonly name: string;
  /** Who we are; unique per process. */
  readonly identity: string;
  /** Runs while we lead; its signal fires when we no longer do. */
  readonly lead: (signal: AbortSignal) => void;
  readonly onError?: (error: unknown) => void;
  readonly durationSeconds?: number;
  readonly now?: () => number;
  readonly sleep?: Sleep;
}

export interface Leadership extends AsyncDisposable {
  readonly leading: boolean;
}

interface Lease {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion?: string };
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** Stands for election until disposed of; disposing gives the Lease back, so that a successor need not wait. */
export function standForElection(options: LeaderOptions): Leadership {
  const { client, namespace, name, identity, durationSeconds = 15, now = Date.now, sleep = realSleep } = options;
  const stop = new AbortController();
  const path = resourcePath(LEASE, namespace, name);
  let term: AbortController | undefined;
  let renewedAt = 0;
  // The lease's clock is not ours: another holder's lease ends when it has not moved for its duration by our clock.
  let seen = { version: '', at: 0 };

  const resign = (): void => {
    term?.abort();
    term = undefined;
  };

  async function attempt(): Promise<void> {
    const current = await client.request<Lease>({ path, signal: stop.signal }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    const held = current?.spec?.holderIdentity ?? '';
    const version = current?.metadata.resourceVersion ?? '';
    if (version !== seen.version) seen = { version, at: now() };
    const duration = (current?.spec?.leaseDurationSeconds ?? durationSeconds) * 1000;
    if (held && held !== identity && now() - seen.at < duration) return resign();
    const stamp = new Date(now()).toISOString().replace('Z', '000Z');
    const lease = {
      apiVersion: LEASE.apiVersion,
      kind: LEASE.kind,
      metadata: { name, namespace, ...(version ? { resourceVersion: version } : {}) },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: durationSeconds,
        acquireTime: held === identity ? (current?.spec?.acquireTime ?? stamp) : stamp,
        renewTime: stamp,
        leaseTransitions: (current?.spec?.leaseTransitions ?? 0) + (held === identity ? 0 : 1),
      },
    };
    const began = now();
    const request = current
      ? { method: 'PUT' as const, path }
      : { method: 'POST' as const, path: resourcePath(LEASE, namespace) };
    try {
      const written = await client.request<Lease>({ ...request, body: lease, signal: stop.signal, timeoutMs: 5000 });
      seen = { version: written.metadata.resourceVersion ?? '', at: now() };
    } catch (error) {
      if (isConflict(error)) return resign();
      throw error;
    }
    renewedAt = began;
    if (term) return;
    term = new AbortController();
    options.lead(term.signal);
  }

  const running = (async () => {
    while (!stop.signal.aborted) {
      try {
        await attempt();
      } catch (error) {
        if (stop.signal.aborted) break;
        options.onError?.(error);
      }
      // Others may take over once the duration has passed: stop a little before that.
      if (term && now() - renewedAt > durationSeconds * 1000 * 0.7) resign();
      await sleep((durationSeconds * 1000) / 6, stop.signal);
    }
  })();

  return {
    get leading() {
      return term !== undefined;
    },
    async [Symbol.asyncDispose]() {
      const leading = term !== undefined;
      stop.abort();
      await running;
      resign();
      if (!leading) return;
      const body = {
        metadata: { resourceVersion: seen.version },
        spec: { holderIdentity: '', leaseDurationSeconds: 1 },
      };
      const contentType = 'application/merge-patch+json';
      await client.request({ method: 'PATCH', path, body, contentType, timeoutMs: 3000 }).catch(() => {});
    },
  };
}
