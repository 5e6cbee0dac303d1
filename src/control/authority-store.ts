// Where the mesh CA's key lives: the operator's Secret `cacerts`, else `istio-ca-secret`, made once by whoever comes first.
import { type AuthorityFiles, createSelfSigned } from '../ca/authority.ts';
import { isConflict, isNotFound } from '../k8s/api-error.ts';
import { resourcePath } from '../k8s/object.ts';
import { SECRET } from '../k8s/resources.ts';
import type { ApiClient } from '../k8s/rest.ts';
import type { Clock } from '../lib/clock.ts';

export interface AuthorityStoreOptions {
  readonly client: ApiClient;
  readonly namespace: string;
  /** Becomes the organisation of a root that is made here. */
  readonly trustDomain: string;
  readonly clock: Clock;
}

export interface StoredAuthority {
  readonly files: AuthorityFiles;
  readonly secret: 'cacerts' | 'istio-ca-secret';
  readonly created: boolean;
}

interface SecretObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** Loads the CA, making a self-signed one when the cluster has none. Rejects with ApiError or an Error that names secret and key. */
export async function loadAuthorityFiles(options: AuthorityStoreOptions): Promise<StoredAuthority> {
  const { client, namespace } = options;
  const operators = await readSecret(client, namespace, 'cacerts');
  if (operators) return { files: filesOf(operators, 'cacerts'), secret: 'cacerts', created: false };
  const existing = await readSecret(client, namespace, 'istio-ca-secret');
  if (existing) return { files: filesOf(existing, 'istio-ca-secret'), secret: 'istio-ca-secret', created: false };
  const files = await createSelfSigned({ organization: options.trustDomain, clock: options.clock });
  try {
    await client.request({
      method: 'POST',
      path: resourcePath(SECRET, namespace),
      body: secretObject(namespace, files),
    });
    return { files, secret: 'istio-ca-secret', created: true };
  } catch (error) {
    if (!isConflict(error)) throw error;
    // Another control plane was first: its root is the mesh's.
    const theirs = await readSecret(client, namespace, 'istio-ca-secret');
    if (!theirs) throw error;
    return { files: filesOf(theirs, 'istio-ca-secret'), secret: 'istio-ca-secret', created: false };
  }
}

async function readSecret(client: ApiClient, namespace: string, name: string): Promise<SecretObject | undefined> {
  try {
    return await client.request<SecretObject>({ path: resourcePath(SECRET, namespace, name) });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** The keys that `cacerts` and `istio-ca-secret` use. A self-signed CA may leave out root and chain. */
function filesOf(secret: SecretObject, name: string): AuthorityFiles {
  const read = (key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
  const need = (key: string): string => {
    const text = read(key);
    if (!text.trim())
      throw new Error(
        `the Secret ${name} has no ${key}; it needs ca-cert.pem, ca-key.pem, root-cert.pem and cert-chain.pem`,
      );
    return text;
  };
  const cert = need('ca-cert.pem');
  const key = need('ca-key.pem');
  const root = name === 'cacerts' ? need('root-cert.pem') : read('root-cert.pem') || cert;
  return { cert, key, root, chain: read('cert-chain.pem') };
}

function secretObject(namespace: string, files: AuthorityFiles): object {
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  return {
    apiVersion: SECRET.apiVersion,
    kind: SECRET.kind,
    metadata: { name: 'istio-ca-secret', namespace },
    type: 'istio.io/ca-root',
    data: {
      'ca-cert.pem': encode(files.cert),
      'ca-key.pem': encode(files.key),
      'root-cert.pem': encode(files.root),
      'cert-chain.pem': encode(files.chain),
    },
  };
}
