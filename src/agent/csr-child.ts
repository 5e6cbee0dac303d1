// Runs the certificate child: one process a certificate, so that gRPC and X.509 libraries cost memory only for its second of life.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { CertificateAnswer } from './csr/main.ts';
import type { CertificateOrder, SignedCertificate } from './csr/request.ts';

/** Next to this file, in the sources as in the bundle. */
const CHILD = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './csr/main.ts' : './csr.mjs', import.meta.url));
const LARGEST_ANSWER = 256 * 1024;

/** Rejects with the CA's message, or says how the child ended. The child is killed on abort and after `order.timeout`. */
export function requestInChild(order: CertificateOrder, signal: AbortSignal): Promise<SignedCertificate> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CHILD], {
      stdio: ['pipe', 'pipe', 'pipe'],
      signal,
      // Proxies and options meant for other programs stay out of it.
      env: {
        PATH: process.env.PATH,
        GRPC_TRACE: process.env.GRPC_TRACE,
        GRPC_VERBOSITY: process.env.GRPC_VERBOSITY,
        no_proxy: '*',
      },
      killSignal: 'SIGKILL',
      timeout: order.timeout + 5000,
    });
    let output = '';
    let complaint = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      if (output.length > LARGEST_ANSWER) child.kill('SIGKILL');
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      complaint = (complaint + chunk).slice(-2000);
    });
    child.on('error', reject);
    child.stdin.on('error', () => {});
    child.stdin.end(JSON.stringify(order));
    child.on('close', (code, killedBy) => {
      const answer = parseAnswer(output);
      if (answer?.ok) resolve(answer.certificate);
      else if (answer)
        reject(new Error(answer.code === undefined ? answer.error : `${grpcCode(answer.code)}: ${answer.error}`));
      else
        reject(new Error(`the certificate child ended with ${killedBy ?? code}: ${complaint.trim() || 'no output'}`));
    });
  });
}

function parseAnswer(text: string): CertificateAnswer | undefined {
  try {
    return JSON.parse(text) as CertificateAnswer;
  } catch {
    return undefined;
  }
}

const GRPC_CODES: Readonly<Record<number, string>> = {
  2: 'UNKNOWN',
  3: 'INVALID_ARGUMENT',
  4: 'DEADLINE_EXCEEDED',
  5: 'NOT_FOUND',
  7: 'PERMISSION_DENIED',
  8: 'RESOURCE_EXHAUSTED',
  12: 'UNIMPLEMENTED',
  13: 'INTERNAL',
  14: 'UNAVAILABLE',
  16: 'UNAUTHENTICATED',
};

function grpcCode(code: number): string {
  return GRPC_CODES[code] ?? `gRPC status ${code}`;
}
