// Makes sure that a cluster has the account by which a control plane elsewhere reads it, and gets that account's token.

import { isConflict } from '../../k8s/api-error.ts';
import { apply, inApplyOrder, nameOf, read } from '../../k8s/apply.ts';
import type { ApiClient } from '../../k8s/rest.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { type Installation, MANAGER, MANAGER_LABEL } from '../installation.ts';
import { isObject, type Manifest, textAt } from '../json.ts';
import { READER, readerObjects } from '../objects/base.ts';
import { InstallError } from './events.ts';

export interface ReaderOptions {
  readonly api: ApiClient;
  readonly namespace: string;
  /** Default `istio-reader-service-account`. */
  readonly account?: string;
  /** The token Secret's name; default `<account>-istio-remote-secret-token`. */
  readonly secret?: string;
  readonly timeoutMs?: number;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

export interface ReaderCredential {
  readonly token: string;
  /** PEM of the API server's CA, as the cluster itself publishes it. */
  readonly ca: string;
  /** What had to be made. */
  readonly created: readonly string[];
}

/**
 * Creates namespace, account, rights and token Secret where they are absent, and waits until the cluster has filled the
 * Secret. What is there already is left as it is, and so are the rights of an account that the user has chosen and made. Rejects with ApiError or InstallError.
 */
export async function readerCredential(options: ReaderOptions): Promise<ReaderCredential> {
  const { api, namespace, account = READER, timeoutMs = 20_000, clock = systemClock, signal } = options;
  const name = options.secret ?? `${account}-istio-remote-secret-token`;
  const created: string[] = [];
  const absent = await absentObjects({ api, namespace, account, signal });
  if (absent.length > 0) await ensureNamespace(api, namespace, signal);
  for (const object of absent) {
    await apply(api, object, { signal });
    created.push(nameOf(object));
  }
  const secret: Manifest = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace } };
  let found = await read<Manifest>(api, secret, signal);
  if (!found) {
    await createTokenSecret(api, { namespace, name, account, signal });
    created.push(`Secret ${namespace}/${name}`);
  } else if (textAt(found, 'type') !== 'kubernetes.io/service-account-token') {
    const type = textAt(found, 'type');
    throw new InstallError(
      `Secret ${namespace}/${name} is of type ${type}, not kubernetes.io/service-account-token; name another with --secret-name.`,
    );
  }
  const deadline = clock.monotonic() + timeoutMs;
  for (;;) {
    found = await read<Manifest>(api, secret, signal);
    const data = isObject(found?.data) ? found.data : {};
    if (data.token && data['ca.crt']) return { token: decode(data.token), ca: decode(data['ca.crt']), created };
    if (clock.monotonic() >= deadline) {
      throw new InstallError(
        `The cluster has not put a token into Secret ${namespace}/${name} for ${timeoutMs / 1000} s; ` +
          'its controller manager (token controller) may not be running.',
      );
    }
    await clock.sleep(200, signal);
  }
}

interface AbsentOptions {
  readonly api: ApiClient;
  readonly namespace: string;
  readonly account: string;
  readonly signal?: AbortSignal;
}

async function absentObjects({ api, namespace, account, signal }: AbsentOptions): Promise<Manifest[]> {
  const objects = inApplyOrder(readerObjects(bare(namespace), account));
  const there = await Promise.all(objects.map(async (object) => (await read(api, object, signal)) !== undefined));
  const hasAccount = there[objects.findIndex(({ kind }) => kind === 'ServiceAccount')];
  return account !== READER && hasAccount ? [] : objects.filter((_, i) => !there[i]);
}

/** An installation that says nothing but its namespace: enough for the reader's objects. */
function bare(namespace: string): Installation {
  return { owner: 'unknown', revision: '', namespace, spec: {}, values: {} };
}

async function ensureNamespace(api: ApiClient, name: string, signal?: AbortSignal): Promise<void> {
  const namespace: Manifest = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  if (await read(api, namespace, signal)) return;
  await api.request({ method: 'POST', path: '/api/v1/namespaces', body: namespace, signal }).catch((error: unknown) => {
    if (!isConflict(error)) throw error;
  });
}

interface TokenSecret {
  readonly namespace: string;
  readonly name: string;
  readonly account: string;
  readonly signal?: AbortSignal;
}

async function createTokenSecret(api: ApiClient, { namespace, name, account, signal }: TokenSecret): Promise<void> {
  await api.request({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/secrets`,
    body: {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        namespace,
        name,
        labels: { [MANAGER_LABEL]: MANAGER },
        annotations: { 'kubernetes.io/service-account.name': account },
      },
      type: 'kubernetes.io/service-account-token',
    },
    signal,
  });
}

function decode(value: unknown): string {
  return Buffer.from(String(value), 'base64').toString('utf8');
}
