// The workload's identity as files that Envoy watches: one DiscoveryResponse a secret, replaced by rename.
// Key and chain travel in one file, so Envoy can never pair a new key with an old certificate.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SDS_DEFAULT, SDS_ROOT, sdsFile } from '../lib/paths.ts';

/** PEM texts. `chain` begins with the leaf; `roots` may hold several certificates. */
export interface Identity {
  readonly key: string;
  readonly chain: string;
  readonly roots: string;
}

const SECRET = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

/** The file that holds key and chain, under the SDS name `default`. Envoy takes it when `version` differs. */
export function certificateFile(identity: Pick<Identity, 'key' | 'chain'>, version: string): string {
  return response(version, {
    name: SDS_DEFAULT,
    tls_certificate: {
      certificate_chain: { inline_bytes: base64(identity.chain) },
      private_key: { inline_bytes: base64(identity.key) },
    },
  });
}

/** The file that holds the trust anchors, under the SDS name `ROOTCA`. */
export function rootsFile(roots: string, version: string): string {
  return response(version, { name: SDS_ROOT, validation_context: { trusted_ca: { inline_bytes: base64(roots) } } });
}

/** Writes both files; roots first, so that a new chain is never offered before its root is trusted. */
export async function writeSdsFiles(dir: string, identity: Identity, version: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await replaceFile(sdsFile(SDS_ROOT, dir), rootsFile(identity.roots, version));
  await replaceFile(sdsFile(SDS_DEFAULT, dir), certificateFile(identity, version));
}

/** Writes the names that other programs expect in OUTPUT_CERTS; as in Istio. */
export async function writeOutputCerts(dir: string, identity: Identity): Promise<void> {
  await mkdir(dir, { recursive: true });
  await replaceFile(join(dir, 'key.pem'), identity.key);
  await replaceFile(join(dir, 'cert-chain.pem'), identity.chain);
  await replaceFile(join(dir, 'root-cert.pem'), identity.roots);
}

/** Readers see the old content or the new, never a part. Private to the owner. */
export async function replaceFile(path: string, content: string): Promise<void> {
  const next = `${path}.next`;
  await writeFile(next, content, { mode: 0o600 });
  await rename(next, path);
}

function response(version: string, secret: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify({ version_info: version, type_url: SECRET, resources: [{ '@type': SECRET, ...secret }] })}\n`;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
