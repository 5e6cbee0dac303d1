// The control plane's own certificate, from the mesh CA: made at the start, renewed at half its life, remade when the CA changes.
import type { Authority } from '../ca/authority.ts';
import { generateKey } from '../ca/keys.ts';
import type { Clock } from '../lib/clock.ts';

export interface ServerCertificate {
  /** Certificate and intermediates, PEM. */
  readonly chain: string;
  readonly key: string;
  /** What client certificates are verified against. */
  readonly root: string;
  readonly notAfter: Date;
}

export interface ServerCertificateOptions {
  readonly authority: () => Authority;
  readonly dnsNames: readonly string[];
  readonly clock: Clock;
  readonly ttlMs?: number;
  readonly onError?: (error: unknown) => void;
}

export interface ServerCertificates extends Disposable {
  readonly current: ServerCertificate;
  onChange(listener: (certificate: ServerCertificate) => void): Disposable;
  /** The authority is another one now. */
  renew(): Promise<void>;
}

const WEEK_MS = 7 * 24 * 3_600_000;
const RETRY_MS = 60_000;

/** Names by which proxies, agents and API servers call a control plane of `revision` in `namespace`. */
export function serverNames(namespace: string, revision: string, domain: string): string[] {
  const names = ['istiod', 'istiod-remote', 'istio-pilot', ...(revision === 'default' ? [] : [`istiod-${revision}`])];
  return names.flatMap((name) => [
    `${name}.${namespace}.svc`,
    `${name}.${namespace}.svc.${domain}`,
    `${name}.${namespace}`,
  ]);
}

/** Issues the first certificate. Rejects when the CA cannot. */
export async function createServerCertificates(options: ServerCertificateOptions): Promise<ServerCertificates> {
  const { authority, dnsNames, clock, ttlMs = WEEK_MS } = options;
  const listeners = new Set<(certificate: ServerCertificate) => void>();
  let timer: Disposable | undefined;
  let closed = false;
  let current = await make();
  schedule();

  async function make(): Promise<ServerCertificate> {
    const ca = authority();
    const { pair, pem } = await generateKey();
    const issued = await ca.issue({ publicKey: pair.publicKey, dnsNames, ttlMs });
    return {
      chain: [issued.cert, ...issued.intermediates].join(''),
      key: pem,
      root: ca.root,
      notAfter: issued.notAfter,
    };
  }
  async function renew(): Promise<void> {
    current = await make();
    for (const listener of listeners) listener(current);
    schedule();
  }
  function schedule(ms = (current.notAfter.getTime() - clock.now()) / 2): void {
    timer?.[Symbol.dispose]();
    if (closed) return;
    timer = clock.after(Math.max(RETRY_MS, ms), () => {
      renew().catch((error: unknown) => {
        options.onError?.(error);
        schedule(RETRY_MS);
      });
    });
  }
  return {
    get current() {
      return current;
    },
    onChange(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    renew,
    [Symbol.dispose]() {
      closed = true;
      timer?.[Symbol.dispose]();
    },
  };
}
