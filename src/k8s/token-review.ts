// Asks an API server whose service account token this is.
import type { ApiClient } from './rest.ts';

export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

export type TokenVerdict =
  | { readonly ok: true; readonly account: ServiceAccount }
  /** The API server has answered, and the answer is no. */
  | { readonly ok: false; readonly reason: string };

interface TokenReview {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly error?: string;
    readonly audiences?: readonly string[];
    readonly user?: { readonly username?: string; readonly groups?: readonly string[] };
  };
}

const PREFIX = 'system:serviceaccount:';

/**
 * Reviews `token` for `audience`. Rejects with ApiError when the API server cannot be asked: that is not a "no".
 * An API server that knows no audiences answers without any; its answer must not be taken for ours.
 */
export async function reviewToken(
  client: ApiClient,
  { token, audience, signal }: { token: string; audience: string; signal?: AbortSignal },
): Promise<TokenVerdict> {
  const review = await client.request<TokenReview>({
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/tokenreviews',
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences: [audience] } },
    signal,
    timeoutMs: 10_000,
  });
  const status = review.status ?? {};
  if (!status.authenticated) {
    return {
      ok: false,
      reason: status.error || 'the token is not valid (expired, of another cluster, or of another audience)',
    };
  }
  if (!status.audiences?.includes(audience))
    return { ok: false, reason: `the token is not meant for audience "${audience}"` };
  const username = status.user?.username ?? '';
  const [namespace, name, ...rest] = username.startsWith(PREFIX) ? username.slice(PREFIX.length).split(':') : [];
  if (!namespace || !name || rest.length)
    return { ok: false, reason: `the token is not of a service account ("${username}")` };
  return { ok: true, account: { namespace, name } };
}
