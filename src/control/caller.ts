// Who is calling: a mesh certificate that TLS has verified, or a token that the API server of the caller's own cluster vouches for.
import { type Identity, parseSpiffe, spiffeUri } from '../ca/spiffe.ts';
import { ApiError } from '../k8s/api-error.ts';
import type { ApiClient } from '../k8s/rest.ts';
import { reviewToken } from '../k8s/token-review.ts';

/** What a connection shows of itself. */
export interface Credentials {
  /** `subjectaltname` of a client certificate, only when TLS has verified it. */
  readonly certificateNames?: string;
  readonly authorization?: string;
  /** The cluster that the caller says its token is from. */
  readonly cluster?: string;
}

export interface Caller {
  readonly identity: Identity;
  readonly uri: string;
  readonly by: 'certificate' | 'token';
}

export type RefusalCode = 'unauthenticated' | 'denied' | 'unavailable';

/** Why a caller was not let in; the message is for the caller and says what to do. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  /** Short and stable, for metrics. */
  readonly reason: string;

  constructor(code: RefusalCode, reason: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.reason = reason;
  }
}

export interface CallersOptions {
  /** The client for a known cluster. */
  readonly client: (cluster: string) => ApiClient | undefined;
  readonly configCluster: string;
  readonly trustDomain: () => string;
  readonly trustDomainAliases: () => readonly string[];
  readonly audience?: string;
}

export interface Callers {
  /** Proves who is calling. Rejects with Refusal. */
  identify(credentials: Credentials, signal?: AbortSignal): Promise<Caller>;
}

/** What to do about a cluster that nobody has introduced. */
export function unknownCluster(cluster: string): Refusal {
  return new Refusal(
    'unauthenticated',
    'unknown-cluster',
    `cluster "${cluster}" is unknown to this control plane; add a remote secret for it: istioctl create-remote-secret --name=${cluster} | kubectl apply -f - (in the control plane's cluster)`,
  );
}

export function createCallers(options: CallersOptions): Callers {
  const { audience = 'istio-ca' } = options;
  const inMesh = (trustDomain: string): boolean =>
    trustDomain === options.trustDomain() || options.trustDomainAliases().includes(trustDomain);

  function byCertificate(names: string): Caller {
    // Node quotes names that could be taken for several; none of ours needs that.
    const plain = names.replace(/"(?:[^"\\]|\\.)*"/g, '');
    const uris = [...plain.matchAll(/URI:(spiffe:[^,\s]+)/g)].map(([, uri]) => uri!);
    const identity = uris.length === 1 ? parseSpiffe(uris[0]!) : undefined;
    if (!identity)
      throw new Refusal('unauthenticated', 'certificate', `the client certificate names no workload ("${names}")`);
    if (!inMesh(identity.trustDomain)) {
      throw new Refusal(
        'denied',
        'trust-domain',
        `trust domain "${identity.trustDomain}" is not part of this mesh ("${options.trustDomain()}")`,
      );
    }
    return { identity, uri: uris[0]!, by: 'certificate' };
  }

  async function byToken(token: string, cluster: string, signal?: AbortSignal): Promise<Caller> {
    const client = options.client(cluster);
    if (!client) throw unknownCluster(cluster);
    let verdict: Awaited<ReturnType<typeof reviewToken>>;
    try {
      verdict = await reviewToken(client, { token, audience, signal });
    } catch (error) {
      const why = error instanceof ApiError ? error.detail : String(error);
      throw new Refusal(
        'unavailable',
        'token-review',
        `the API server of cluster "${cluster}" could not review the token: ${why}`,
        error,
      );
    }
    if (!verdict.ok)
      throw new Refusal(
        'unauthenticated',
        'token',
        `cluster "${cluster}" does not accept the token: ${verdict.reason}`,
      );
    const { namespace, name } = verdict.account;
    const identity = { trustDomain: options.trustDomain(), namespace, serviceAccount: name };
    return { identity, uri: spiffeUri(identity), by: 'token' };
  }

  return {
    async identify({ certificateNames, authorization, cluster }, signal) {
      if (certificateNames) return byCertificate(certificateNames);
      const [, token] = /^Bearer\s+(\S+)$/i.exec(authorization ?? '') ?? [];
      if (token) return byToken(token, cluster || options.configCluster, signal);
      throw new Refusal(
        'unauthenticated',
        'no-credentials',
        'neither a mesh certificate nor a bearer token was presented',
      );
    },
  };
}
