// Checks a certificate signing request against who sent it.
import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

export type CsrVerdict =
  | { readonly ok: true; readonly publicKey: x509.PublicKey }
  | { readonly ok: false; readonly code: 'invalid' | 'denied'; readonly reason: string };

/** A CSR with an 8192-bit RSA key is below 4 KB. */
const MAX_LENGTH = 64 * 1024;
/** OID of the extension subjectAltName. */
const SUBJECT_ALT_NAME = '2.5.29.17';
const CURVES = ['P-256', 'P-384', 'P-521'];

/**
 * Accepts `pem` when it is a well-formed, self-signed request with a strong key, and asks for no identity but `identity`
 * (a SPIFFE URI). A request that names none is fine: the certificate is issued for the proven identity anyway.
 */
export async function checkCsr(pem: string, identity: string): Promise<CsrVerdict> {
  if (pem.length > MAX_LENGTH) return invalid(`the CSR is ${pem.length} bytes long; at most ${MAX_LENGTH} are read`);
  let request: x509.Pkcs10CertificateRequest;
  let asked: string[];
  try {
    request = new x509.Pkcs10CertificateRequest(pem.trim());
    asked = request
      .getExtensions(SUBJECT_ALT_NAME)
      .flatMap((extension) => new x509.SubjectAlternativeNameExtension(extension.rawData).names.items)
      .map((name) => (name.type === 'url' ? name.value : `${name.type.toUpperCase()}:${name.value}`));
  } catch {
    return invalid('the CSR is not a PEM-encoded PKCS#10 certificate request');
  }
  const weak = weakness(request.publicKey.algorithm);
  if (weak) return invalid(weak);
  const genuine = await request.verify().catch(() => false);
  if (!genuine) return invalid('the signature of the CSR does not match its key');
  const other = asked.find((name) => name !== identity);
  if (other === undefined) return { ok: true, publicKey: request.publicKey };
  const reason = `the CSR asks for identity "${other}", but the caller has proved to be "${identity}"`;
  return { ok: false, code: 'denied', reason };
}

function weakness(algorithm: webcrypto.Algorithm): string | undefined {
  const { name, modulusLength, namedCurve } = algorithm as webcrypto.Algorithm & {
    modulusLength?: number;
    namedCurve?: string;
  };
  if (name.startsWith('RSA')) {
    const bits = modulusLength ?? 0;
    return bits >= 2048 && bits <= 8192 ? undefined : `the CSR's RSA key has ${bits} bits; 2048 to 8192 are accepted`;
  }
  if (name === 'ECDSA' && namedCurve && CURVES.includes(namedCurve)) return undefined;
  return `the CSR's key is of type ${name}${namedCurve ? ` ${namedCurve}` : ''}; use RSA or ECDSA on ${CURVES.join(', ')}`;
}

function invalid(reason: string): CsrVerdict {
  return { ok: false, code: 'invalid', reason };
}
