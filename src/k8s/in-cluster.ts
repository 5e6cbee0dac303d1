// Access from inside a pod: the service account that Kubernetes mounts there.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import type { ApiAccess } from './access.ts';

export const SERVICE_ACCOUNT_DIR = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The kubelet renews the mounted token long before it ends; reading it once a minute is often enough. */
const TOKEN_AGE_MS = 60_000;

export interface InClusterOptions {
  readonly directory?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly now?: () => number;
}

/** Undefined when this process does not run in a pod with a service account. */
export function inClusterAccess(options: InClusterOptions = {}): ApiAccess | undefined {
  const { directory = SERVICE_ACCOUNT_DIR, env = process.env, now = Date.now } = options;
  const host = env.KUBERNETES_SERVICE_HOST;
  const port = env.KUBERNETES_SERVICE_PORT;
  if (!host || !port) return undefined;
  let ca: string;
  try {
    ca = readFileSync(`${directory}/ca.crt`, 'utf8');
  } catch {
    return undefined;
  }
  let token = '';
  let readAt = Number.NEGATIVE_INFINITY;
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    namespace: readNamespace(directory),
    proxyUrl: '',
    tls: { ca, insecure: false },
    credential: async () => {
      if (now() - readAt >= TOKEN_AGE_MS) {
        token = (await readFile(`${directory}/token`, 'utf8')).trim();
        readAt = now();
      }
      return { authorization: `Bearer ${token}` };
    },
  };
}

function readNamespace(directory: string): string {
  try {
    return readFileSync(`${directory}/namespace`, 'utf8').trim() || 'default';
  } catch {
    return 'default';
  }
}
