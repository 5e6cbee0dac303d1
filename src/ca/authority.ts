// The mesh CA: one key that signs the certificates of workloads and of the control plane itself.
import { createPublicKey, randomBytes, X509Certificate } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { Clock } from '../lib/clock.ts';
import { generateKey, loadSigningKey, type SigningKey } from './keys.ts';

export interface AuthorityFiles {
  /** The signing certificate, PEM. */
  readonly cert: string;
  readonly key: string;
  /** Trust anchors that clients get, PEM, one or more. */
  readonly root: string;
  /** Certificates between the signing one and the root, PEM, signing certificate included; '' when it is the root. */
  readonly chain: string;
}

export interface AuthorityOptions {
  readonly files: AuthorityFiles;
  readonly clock: Clock;
  /** Lifetime when the caller does not ask for one. */
  readonly defaultTtlMs?: number;
  readonly maxTtlMs?: number;
}

export interface IssueRequest {
  readonly publicKey: x509.PublicKey | CryptoKey;
  /** SPIFFE URIs and DNS names of the certificate. */
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  /** 0 or less asks for the default. */
  readonly ttlMs?: number;
}

export interface Issued {
  /** The new certificate, PEM. */
  readonly cert: string;
  /** What stands between it and the root, PEM each. */
  readonly intermediates: readonly string[];
  readonly notAfter: Date;
}

export interface Authority {
  readonly root: string;
  /** End of the signing certificate. */
  readonly notAfter: Date;
  /** Signs. Throws RangeError when more time is asked for than is granted. */
  issue(request: IssueRequest): Promise<Issued>;
}

const HOUR_MS = 3_600_000;
/** Clocks of a mesh differ; certificates are valid from a little before now. The reference does the same. */
const SKEW_MS = 2 * 60_000;

/** Loads a CA. Throws an Error that says which of the files is wrong and why. */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const { files, clock, defaultTtlMs = 24 * HOUR_MS, maxTtlMs = 90 * 24 * HOUR_MS } = options;
  const signing = await loadSigningKey(files.key);
  const own = readCertificate(files.cert, 'ca-cert.pem');
  checkOwn(own, signing);
  const roots = splitPem(files.root);
  if (!roots.length) throw new Error('root-cert.pem has no certificate');
  checkRoots(own, files, roots);
  const issuer = new x509.X509Certificate(files.cert);
  const authorityKey = await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey);
  const notAfter = new Date(own.validTo);
  const intermediates = intermediatesOf(files, roots);
  return {
    root: files.root,
    notAfter,
    async issue({ publicKey, uris = [], dnsNames = [], ttlMs = 0 }) {
      const ttl = ttlMs > 0 ? ttlMs : defaultTtlMs;
      if (ttl > maxTtlMs) {
        throw new RangeError(`a lifetime of ${hours(ttl)} was asked for; at most ${hours(maxTtlMs)} are granted`);
      }
      const now = clock.now();
      if (now >= notAfter.getTime())
        throw new Error(`the mesh CA's certificate ended at ${notAfter.toISOString()}; replace it`);
      const end = new Date(Math.min(now + ttl, notAfter.getTime()));
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: serial(),
        issuer: issuer.subjectName,
        notBefore: new Date(now - SKEW_MS),
        notAfter: end,
        signingKey: signing.key,
        signingAlgorithm: signing.algorithm,
        publicKey,
        extensions: [
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
          new x509.BasicConstraintsExtension(false, undefined, true),
          authorityKey,
          // Critical, as RFC 5280 asks of a certificate with an empty subject.
          new x509.SubjectAlternativeNameExtension(
            [
              ...uris.map((value) => ({ type: 'url' as const, value })),
              ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
            ],
            true,
          ),
        ],
      });
      return { cert: `${certificate.toString('pem')}\n`, intermediates, notAfter: end };
    },
  };
}

/** Makes a self-signed CA for an organisation (the trust domain), valid for ten years. */
export async function createSelfSigned({
  organization,
  clock,
}: {
  organization: string;
  clock: Clock;
}): Promise<AuthorityFiles> {
  const { pair, pem } = await generateKey();
  const now = clock.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: [{ O: [organization] }],
    notBefore: new Date(now - SKEW_MS),
    notAfter: new Date(now + 10 * 365 * 24 * HOUR_MS),
    keys: pair,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.BasicConstraintsExtension(true, undefined, true),
      await x509.SubjectKeyIdentifierExtension.create(pair.publicKey),
    ],
  });
  const cert = `${certificate.toString('pem')}\n`;
  return { cert, key: pem, root: cert, chain: '' };
}

/** The PEM certificates in a text, each with a final newline. */
export function splitPem(text: string): string[] {
  const found = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return found.map((pem) => `${pem}\n`);
}

function readCertificate(pem: string, file: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new Error(`${file} is not a PEM certificate`, { cause });
  }
}

function checkOwn(own: X509Certificate, signing: SigningKey): void {
  if (!own.ca) throw new Error('ca-cert.pem is not a CA certificate (basicConstraints CA:TRUE is missing)');
  const mine = createPublicKey(signing.object).export({ format: 'der', type: 'spki' });
  if (!mine.equals(own.publicKey.export({ format: 'der', type: 'spki' }))) {
    throw new Error('ca-key.pem is not the key of ca-cert.pem');
  }
}

function checkRoots(own: X509Certificate, files: AuthorityFiles, roots: readonly string[]): void {
  const anchors = roots.map((pem) => readCertificate(pem, 'root-cert.pem'));
  const between = splitPem(files.chain).map((pem) => readCertificate(pem, 'cert-chain.pem'));
  const seen = new Set<string>();
  let current = own;
  for (;;) {
    if (anchors.some((anchor) => anchor.fingerprint256 === current.fingerprint256 || isIssuer(anchor, current))) return;
    seen.add(current.fingerprint256);
    const next = between.find((candidate) => !seen.has(candidate.fingerprint256) && isIssuer(candidate, current));
    if (!next)
      throw new Error('ca-cert.pem does not lead to root-cert.pem; cert-chain.pem must hold every certificate between');
    current = next;
  }
}

function isIssuer(issuer: X509Certificate, subject: X509Certificate): boolean {
  return subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
}

/** A verifier with only the root needs the signing certificate and all between; the root itself need not be sent. */
function intermediatesOf(files: AuthorityFiles, roots: readonly string[]): string[] {
  const fingerprints = new Set(roots.map((pem) => new X509Certificate(pem).fingerprint256));
  const result: string[] = [];
  for (const pem of [...splitPem(files.cert), ...splitPem(files.chain)]) {
    const { fingerprint256 } = new X509Certificate(pem);
    if (fingerprints.has(fingerprint256)) continue;
    fingerprints.add(fingerprint256);
    result.push(pem);
  }
  return result;
}

function serial(): string {
  const bytes = randomBytes(16);
  // Positive and of full length.
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function hours(ms: number): string {
  return `${Math.round((ms / HOUR_MS) * 10) / 10} hours`;
}
