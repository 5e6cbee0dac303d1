// Certificates of the test world: one mesh CA, one identity for each proxy, one certificate for servers outside the mesh.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Authority, createSelfSigned, openAuthority } from '../../src/ca/authority.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { SDS_DEFAULT, SDS_ROOT, sdsFile } from '../../src/lib/paths.ts';

export interface CertificateFiles {
  readonly directory: string;
  readonly cert: string;
  readonly key: string;
  readonly root: string;
}

export interface CertificateRequest {
  readonly name: string;
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
}

export interface Certificates {
  issue(request: CertificateRequest): Promise<CertificateFiles>;
}

export async function createCertificates(directory: string): Promise<Certificates> {
  const files = await createSelfSigned({ organization: 'cluster.local', clock: systemClock });
  const authority = await openAuthority({ files, clock: systemClock });
  return { issue: (request) => issue(authority, join(directory, request.name), request) };
}

async function issue(authority: Authority, directory: string, request: CertificateRequest): Promise<CertificateFiles> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const issued = await authority.issue({ publicKey: pair.publicKey, uris: request.uris, dnsNames: request.dnsNames });
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', pair.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${der.match(/.{1,64}/g)!.join('\n')}\n-----END PRIVATE KEY-----\n`;
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const paths = {
    directory,
    cert: join(directory, 'tls.crt'),
    key: join(directory, 'tls.key'),
    root: join(directory, 'root.crt'),
  };
  await writeFile(paths.cert, [issued.cert, ...issued.intermediates].join(''));
  // Envoy runs as another user.
  await writeFile(paths.key, key, { mode: 0o644 });
  await writeFile(paths.root, authority.root);
  await writeFile(sdsFile(SDS_DEFAULT, directory), secret(SDS_DEFAULT, certificate(paths)));
  await writeFile(sdsFile(SDS_ROOT, directory), secret(SDS_ROOT, roots(paths)));
  return paths;
}

const certificate = ({ cert, key, directory }: CertificateFiles) => ({
  tls_certificate: {
    certificate_chain: { filename: cert },
    private_key: { filename: key },
    watched_directory: { path: directory },
  },
});

const roots = ({ root, directory }: CertificateFiles) => ({
  validation_context: { trusted_ca: { filename: root }, watched_directory: { path: directory } },
});

/** JSON is YAML. */
const secret = (name: string, value: object): string =>
  JSON.stringify({
    resources: [{ '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret', name, ...value }],
  });
