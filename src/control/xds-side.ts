// The side that faces proxies: gRPC servers for xDS and the CA, and what is known of every connected proxy.
import { experimental, Server, ServerCredentials } from '@grpc/grpc-js';
import type { Authority } from '../ca/authority.ts';
import type { Mesh } from '../ingest/mesh.ts';
import type { Clock } from '../lib/clock.ts';
import { certificateService, createCertificateHandler } from './ca-service.ts';
import type { Callers } from './caller.ts';
import type { Clusters } from './clusters.ts';
import type { HttpAnswer } from './http-server.ts';
import type { Logs } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { ControlOptions } from './options.ts';
import type { DebugPage } from './pages.ts';
import type { ServerCertificates } from './server-certificate.ts';

export interface XdsSideOptions {
  readonly options: ControlOptions;
  readonly mesh: Mesh;
  readonly clusters: Clusters | undefined;
  readonly callers: Callers | undefined;
  readonly clock: Clock;
  readonly logs: Logs;
  readonly metrics: Metrics;
}

export interface SecureXds {
  readonly certificates: ServerCertificates;
  readonly authority: () => Authority;
}

export interface XdsSide extends AsyncDisposable {
  /** Debug pages about proxies. */
  readonly pages: Readonly<Record<string, DebugPage>>;
  /** Answers typed requests (`istio.io/debug`); set by whoever has the pages. */
  debug: (name: string) => HttpAnswer | undefined;
  servePlaintext(address: string): Promise<number>;
  serveSecure(address: string, secure: SecureXds): Promise<number>;
  /** Asks proxies to go elsewhere and waits for at most `ms`. */
  drain(ms: number): Promise<void>;
}

export function createXdsSide(options: XdsSideOptions): XdsSide {
  const servers: Server[] = [];
  const side: XdsSide = {
    pages: {},
    debug: () => undefined,
    async servePlaintext(address) {
      const server = new Server();
      servers.push(server);
      return bind(server, address, ServerCredentials.createInsecure());
    },
    async serveSecure(address, { certificates, authority }) {
      const { callers, metrics, logs } = options;
      const server = new Server();
      servers.push(server);
      if (callers)
        server.addService(
          certificateService,
          createCertificateHandler({ authority, callers, metrics, log: logs.scope('ca') }),
        );
      return bind(server, address, credentialsFor(certificates));
    },
    async drain(ms) {
      await Promise.all(servers.map((server) => shutdown(server, ms)));
    },
    async [Symbol.asyncDispose]() {
      for (const server of servers) server.forceShutdown();
    },
  };
  return side;
}

/** TLS that offers a client certificate but does not demand one, and follows renewals without a restart. */
function credentialsFor(certificates: ServerCertificates): ServerCredentials {
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

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  const target = address.startsWith(':') ? `[::]${address}` : address;
  return new Promise((resolve, reject) => {
    server.bindAsync(target, credentials, (error, port) => (error ? reject(error) : resolve(port)));
  });
}

function shutdown(server: Server, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => server.forceShutdown(), ms);
    server.tryShutdown(() => {
      clearTimeout(late);
      resolve();
    });
  });
}
