// TLS credentials of the gRPC server: the control plane's certificate, and verification of those that proxies show.
import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import type { ServerCertificates } from './server-certificate.ts';

/** TLS that offers a client certificate but does not demand one, and follows renewals without a restart. */
export function meshCredentials(certificates: ServerCertificates): ServerCredentials {
  const provider = new MeshCertificates(certificates);
  return experimental.createCertificateProviderServerCredentials(provider, provider, false);
}

type RootListener = Parameters<experimental.CertificateProvider['addCaCertificateListener']>[0];
type IdentityListener = Parameters<experimental.CertificateProvider['addIdentityCertificateListener']>[0];

class MeshCertificates implements experimental.CertificateProvider {
  readonly #certificates: ServerCertificates;
  readonly #roots = new Set<RootListener>();
  readonly #identities = new Set<IdentityListener>();

  constructor(certificates: ServerCertificates) {
    this.#certificates = certificates;
    certificates.onChange(() => {
      for (const listener of this.#roots) listener(this.#root());
      for (const listener of this.#identities) listener(this.#identity());
    });
  }

  addCaCertificateListener(listener: RootListener): void {
    this.#roots.add(listener);
    // Later: the caller forgets what it is told before it has finished to subscribe.
    queueMicrotask(() => listener(this.#root()));
  }

  removeCaCertificateListener(listener: RootListener): void {
    this.#roots.delete(listener);
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#identities.add(listener);
    queueMicrotask(() => listener(this.#identity()));
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#identities.delete(listener);
  }

  #root() {
    return { caCertificate: Buffer.from(this.#certificates.current.root) };
  }

  #identity() {
    const { chain, key } = this.#certificates.current;
    return { certificate: Buffer.from(chain), privateKey: Buffer.from(key) };
  }
}
