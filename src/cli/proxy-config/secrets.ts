// `proxy-config secret`: the certificates a proxy has now, and until when.
import { X509Certificate } from 'node:crypto';
import { at, type SecretEntry } from './dump.ts';
import { table } from './table.ts';

interface CertificateFacts {
  readonly valid: boolean;
  readonly serial: string;
  readonly notAfter: string;
  readonly notBefore: string;
}

/** RESOURCE NAME, TYPE, STATUS, VALID CERT, SERIAL NUMBER, NOT AFTER, NOT BEFORE. */
export function secretTable(secrets: readonly SecretEntry[], now: number): string {
  const rows = secrets.map(({ name, state, secret }) => {
    const chain = at(secret, 'tls_certificate', 'certificate_chain');
    const roots = at(secret, 'validation_context', 'trusted_ca');
    const facts = factsOf(chain ?? roots, now);
    // One that Envoy waits for has no content yet.
    const type = chain !== undefined ? 'Cert Chain' : roots !== undefined ? 'CA' : '';
    return [name, type, state, String(facts.valid), facts.serial, facts.notAfter, facts.notBefore];
  });
  return table(['RESOURCE NAME', 'TYPE', 'STATUS', 'VALID CERT', 'SERIAL NUMBER', 'NOT AFTER', 'NOT BEFORE'], rows);
}

/** The first certificate of a data source; a dump holds it inline as base64. */
function factsOf(source: unknown, now: number): CertificateFacts {
  const none = { valid: false, serial: '', notAfter: '', notBefore: '' };
  const inline = at(source, 'inline_bytes');
  const text =
    typeof inline === 'string'
      ? Buffer.from(inline, 'base64').toString('utf8')
      : String(at(source, 'inline_string') ?? '');
  if (!text.includes('BEGIN CERTIFICATE')) return none;
  try {
    const certificate = new X509Certificate(text);
    const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
    return {
      valid: from <= now && now < to,
      serial: certificate.serialNumber.toLowerCase(),
      notAfter: iso(to),
      notBefore: iso(from),
    };
  } catch {
    return none;
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}
