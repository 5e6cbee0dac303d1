// Where the workload's identity comes from: certificates provided in the pod, or the mesh CA. Either way Envoy reads the same files.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { type HeldIdentity, keepCertificate } from './certificates.ts';
import { requestInChild } from './csr-child.ts';
import { createIdentityStore, type IdentityStore } from './identity-store.ts';
import type { Logger } from './log.ts';
import type { AgentOptions } from './options.ts';

export interface RunningIdentity {
  /** True once Envoy's files exist; false when the signal aborts first. */
  ready(signal: AbortSignal): Promise<boolean>;
  /** Prometheus text in Istio's agent metric names. */
  metrics(): string;
}

interface Context {
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const LOOK_AGAIN = 20_000;

/** Starts the loops that keep the identity fresh; they end when the signal aborts. */
export async function startIdentity(options: AgentOptions, context: Context): Promise<RunningIdentity> {
  const { clock, log, signal } = context;
  const store = createIdentityStore(options);
  const state = { failures: 0, notAfter: 0, published: false };
  let announce: () => void = () => {};
  const firstTime = new Promise<void>((resolve) => {
    announce = resolve;
  });
  const publish = async (identity: HeldIdentity) => {
    await store.publish(identity);
    state.notAfter = identity.notAfter;
    state.published = true;
    announce();
  };

  if (await readProvided(options.providedDir)) {
    log.info(`using the certificates in ${options.providedDir}`);
    void followProvided(options.providedDir, { ...context, publish });
  } else {
    const held = await store.held(clock.now()).catch(() => undefined);
    if (held) await publish(held);
    void keepCertificate({
      clock,
      signal,
      log,
      held,
      clusterId: options.clusterId,
      caAddress: options.caAddress,
      renewAt: options.renewAt,
      order: () => order(options, store),
      request: (what, abort) =>
        requestInChild(what, abort).catch((error: Error) => {
          state.failures++;
          throw error;
        }),
      meshRoots: store.meshRoots,
      publish,
    });
    void followRoots(store, context);
  }

  return {
    ready: (stop) =>
      new Promise((resolve) => {
        void firstTime.then(() => resolve(true));
        stop.addEventListener('abort', () => resolve(state.published), { once: true });
      }),
    metrics: () =>
      [
        '# TYPE istio_agent_cert_expiry_seconds gauge',
        `istio_agent_cert_expiry_seconds{resource_name="default"} ${state.published ? (state.notAfter - clock.now()) / 1000 : 0}`,
        '# TYPE istio_agent_num_failed_outgoing_requests counter',
        `istio_agent_num_failed_outgoing_requests{request_type="csr"} ${state.failures}`,
        '',
      ].join('\n'),
  };
}

async function order(options: AgentOptions, store: IdentityStore) {
  const token = (
    await readFile(options.tokenFile, 'utf8').catch((error: Error) => {
      throw new Error(`no service account token: ${error.message}`);
    })
  ).trim();
  const roots = await store.meshRoots();
  const plaintext = options.env.ISTHMUS_CA_PLAINTEXT === 'true';
  if (roots === '' && !plaintext) {
    throw new Error(
      `no root certificate in ${options.rootCertFile} yet (ConfigMap istio-ca-root-cert of this namespace)`,
    );
  }
  return {
    address: options.caAddress,
    roots: plaintext ? undefined : roots,
    serverName: options.serverName,
    token,
    clusterId: options.clusterId,
    spiffeId: `spiffe://${options.trustDomain}/ns/${options.namespace}/sa/${options.serviceAccount}`,
    ttl: options.certificateTtl,
    timeout: 10_000,
  };
}

/** Kubelet rewrites the ConfigMap's file; trust must follow without waiting for the next renewal. */
async function followRoots(store: IdentityStore, { clock, log, signal }: Context): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(LOOK_AGAIN, signal).catch(() => {});
    if (signal.aborted) return;
    await store.refreshRoots().then(
      (changed) => changed && log.info('the mesh root certificates changed; Envoy has the new ones'),
      (error: Error) => log.warn(`cannot publish changed root certificates: ${error.message}`),
    );
  }
}

async function followProvided(
  dir: string,
  context: Context & { readonly publish: (identity: HeldIdentity) => Promise<void> },
): Promise<void> {
  let last = '';
  while (!context.signal.aborted) {
    const identity = await readProvided(dir);
    if (identity && identity.chain !== last) {
      await context
        .publish(identity)
        .catch((error: Error) => context.log.warn(`cannot publish provided certificates: ${error.message}`));
      last = identity.chain;
    }
    await context.clock.sleep(LOOK_AGAIN, context.signal).catch(() => {});
  }
}

/** Istio's names for provided workload certificates; undefined unless all three are there. */
async function readProvided(dir: string): Promise<HeldIdentity | undefined> {
  const read = (name: string) => readFile(join(dir, name), 'utf8');
  try {
    const [key, chain, roots] = await Promise.all([read('key.pem'), read('cert-chain.pem'), read('root-cert.pem')]);
    const { X509Certificate } = await import('node:crypto');
    const leaf = new X509Certificate(chain);
    return { key, chain, roots, notBefore: Date.parse(leaf.validFrom), notAfter: Date.parse(leaf.validTo) };
  } catch {
    return undefined;
  }
}
