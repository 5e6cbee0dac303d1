// Keeps the workload's certificate fresh: gets one from the CA through a short-lived child, hands it to Envoy, renews in time.
import type { Clock } from '../lib/clock.ts';
import type { CertificateOrder, SignedCertificate } from './csr/request.ts';
import type { Logger } from './log.ts';
import type { Identity } from './sds-files.ts';

/** A current identity with its validity (epoch milliseconds), as kept between container restarts. */
export interface HeldIdentity extends Identity {
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface CertificateLoopOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly clusterId: string;
  readonly caAddress: string;
  /** Share of the life after which to renew, in (0, 0.5]. */
  readonly renewAt: number;
  /** The token and roots are read anew for every attempt: Kubernetes rotates both. */
  readonly order: () => Promise<CertificateOrder>;
  readonly request: (order: CertificateOrder, signal: AbortSignal) => Promise<SignedCertificate>;
  /** Trust anchors beside those that the CA sends. */
  readonly meshRoots: () => Promise<string>;
  /** Hands the identity to Envoy and to later starts. */
  readonly publish: (identity: HeldIdentity) => Promise<void>;
  /** An identity from before a restart of the container, if it is still good. */
  readonly held?: HeldIdentity;
  /** In [0, 1). */
  readonly random?: () => number;
}

const FIRST_RETRY = 500;
const LAST_RETRY = 15_000;
const MINIMUM_USE = 1000;

/**
 * Runs until the signal aborts. Every failure is logged with the cluster and the CA's own words and tried again: refusal
 * may be cured from outside (a remote secret added, a clock set right), so there is no final error.
 */
export async function keepCertificate(options: CertificateLoopOptions): Promise<void> {
  const { clock, signal, log, random = Math.random } = options;
  if (options.held) await sleepUntilRenewal(options, options.held);

  let failures = 0;
  while (!signal.aborted) {
    try {
      const signed = await options.request(await options.order(), signal);
      const identity: HeldIdentity = {
        key: signed.key,
        chain: signed.chain,
        roots: mergeRoots(await options.meshRoots(), signed.root),
        notBefore: signed.notBefore,
        notAfter: signed.notAfter,
      };
      await options.publish(identity);
      failures = 0;
      log.info('got a workload certificate', {
        cluster: options.clusterId,
        serial: signed.serial,
        expires: new Date(signed.notAfter).toISOString(),
      });
      await sleepUntilRenewal(options, identity);
    } catch (error) {
      if (signal.aborted) return;
      const delay = retryDelay(failures++, random());
      log.warn(
        `cannot get a workload certificate for cluster '${options.clusterId}' from ${options.caAddress}: ${(error as Error).message}`,
        { attempt: failures, retryMs: Math.round(delay) },
      );
      await clock.sleep(delay, signal).catch(() => {});
    }
  }
}

/** Doubles from half a second to fifteen, less up to a third so that a fleet does not call in step. */
export function retryDelay(failures: number, random: number): number {
  return Math.min(LAST_RETRY, FIRST_RETRY * 2 ** Math.min(failures, 20)) * (1 - random / 3);
}

/** When to renew: before `renewAt` of the life has passed, earlier by up to a tenth of the life. Epoch milliseconds. */
export function renewalTime(
  certificate: { readonly notBefore: number; readonly notAfter: number },
  options: { readonly renewAt: number; readonly random: number },
): number {
  const life = certificate.notAfter - certificate.notBefore;
  const share = Math.min(0.5, options.renewAt) - 0.1 * options.random;
  return certificate.notBefore + life * Math.max(0.05, share);
}

/** PEM blocks of all texts, each once, in order. */
export function mergeRoots(...texts: readonly string[]): string {
  const blocks = texts.flatMap(
    (text) => text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [],
  );
  return [...new Set(blocks.map((block) => block.replace(/\r/g, '')))].map((block) => `${block}\n`).join('');
}

async function sleepUntilRenewal(options: CertificateLoopOptions, held: HeldIdentity): Promise<void> {
  const { clock, signal, renewAt, random = Math.random } = options;
  // Never at once, or a certificate that this machine's clock finds old would be renewed in a hot loop.
  const at = Math.max(renewalTime(held, { renewAt, random: random() }), clock.now() + MINIMUM_USE);
  // Short naps: a suspended machine's timers stop, the certificate's life does not.
  while (!signal.aborted && clock.now() < at) {
    await clock.sleep(Math.min(at - clock.now(), 60_000), signal).catch(() => {});
  }
}
