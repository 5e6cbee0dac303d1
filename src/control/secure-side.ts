// What is served over TLS with a certificate of the mesh CA: xDS and the CA on one port, the webhooks on another.
import type { Mesh } from '../ingest/mesh.ts';
import { supportsNativeSidecars } from '../inject/native.ts';
import { proxyConfigFor } from '../inject/proxy-config.ts';
import type { Clock } from '../lib/clock.ts';
import { type HttpServer, serveHttp } from './http-server.ts';
import type { Injector } from './injector.ts';
import type { KubernetesSide } from './kubernetes-side.ts';
import type { Logs } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { ControlOptions } from './options.ts';
import { createServerCertificates, serverNames } from './server-certificate.ts';
import { createWebhooks } from './webhooks.ts';
import type { XdsSide } from './xds-side.ts';

export interface SecureInput {
  readonly options: ControlOptions;
  readonly clock: Clock;
  readonly logs: Logs;
  readonly metrics: Metrics;
  readonly injector: Injector;
  readonly mesh: Mesh;
  readonly kube: KubernetesSide;
  readonly xds: XdsSide;
  /** Closes what is opened here. */
  readonly close: AsyncDisposableStack;
}

/** xDS and CA on one TLS port, webhooks on another; both with a certificate of the mesh CA. */
export async function openSecure(input: SecureInput): Promise<{ secureGrpc: number; https: number }> {
  const { options, clock, logs, metrics, injector, mesh, kube, xds, close } = input;
  const log = logs.scope('control');
  const dnsNames = serverNames(options.namespace, options.revision, options.domain);
  const failed = (error: unknown): void => log.error('cannot renew the certificate of the control plane', { error });
  const certificates = close.use(
    await createServerCertificates({ authority: kube.authority, dnsNames, clock, onError: failed }),
  );
  kube.onAuthority(() => void certificates.renew().catch(failed));
  let https = 0;
  if (options.httpsAddr) {
    const webhooks = createWebhooks({
      injection: () => {
        const settings = injector.settings();
        return (
          settings && {
            ...settings,
            proxyConfig: (namespace, labels) => {
              const resources = [...mesh.inputs.proxyConfig.entries()].map(([, resource]) => resource);
              return proxyConfigFor(resources, {
                namespace,
                labels,
                rootNamespace: mesh.graph.read(mesh.rootNamespace, ''),
              });
            },
            nativeSidecars: (cluster: string) => supportsNativeSidecars(kube.kubeletVersions(cluster)),
          }
        );
      },
      metrics,
      log: logs.scope('webhooks'),
    });
    const { chain: cert, key } = certificates.current;
    const server: HttpServer = close.use(
      await serveHttp({
        address: options.httpsAddr,
        handler: webhooks,
        tls: { cert, key },
        onError: (error, request) => log.error(`${request} failed`, { error }),
      }),
    );
    certificates.onChange((next) => server.setTls({ cert: next.chain, key: next.key }));
    https = server.port;
  }
  const secureGrpc = options.secureGrpcAddr
    ? await xds.serveSecure(options.secureGrpcAddr, { certificates, authority: kube.authority })
    : 0;
  return { secureGrpc, https };
}
