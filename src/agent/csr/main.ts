// The child process that gets one certificate: order as JSON on stdin, answer as JSON on stdout, then it is gone with its memory.
import { text } from 'node:stream/consumers';
import { type CertificateOrder, requestCertificate } from './request.ts';

/** What the child prints: the certificate, or why there is none. */
export type CertificateAnswer =
  | { readonly ok: true; readonly certificate: Awaited<ReturnType<typeof requestCertificate>> }
  | { readonly ok: false; readonly error: string; readonly code?: number };

const order = JSON.parse(await text(process.stdin)) as CertificateOrder;
const answer = await requestCertificate(order).then(
  (certificate): CertificateAnswer => ({ ok: true, certificate }),
  (error: Error & { code?: number; details?: string }): CertificateAnswer => ({
    ok: false,
    error: error.details || error.message,
    code: error.code,
  }),
);
process.stdout.write(JSON.stringify(answer), () => process.exit(0));
