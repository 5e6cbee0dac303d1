// `pilot-agent proxy`: the process beside Envoy. Certificate first, then Envoy, then probes until it is told to stop.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import { type TelemetryIdentity, telemetryIdentity } from '../lib/telemetry-identity.ts';
import { PEER_ENVIRONMENT, writeWorkload } from '../lib/workload-text.ts';
import { envoyBootstrap } from './bootstrap.ts';
import { drain, startDraining } from './drain.ts';
import { type AdminOptions, callAdmin } from './envoy-admin.ts';
import { type EnvoyProcess, envoyArguments, startEnvoy } from './envoy-process.ts';
import { startIdentity } from './identity.ts';
import { createLogger, type Logger } from './log.ts';
import { parseScrapeTarget } from './metrics.ts';
import type { AgentOptions } from './options.ts';
import { gatherOptions } from './pod-files.ts';
import { parseProbers } from './probers.ts';
import { READINESS_STATS, type Readiness, readinessFromStats } from './readiness.ts';
import { replaceFile } from './sds-files.ts';
import { startStatusServer } from './status-server.ts';

/** Runs until Envoy has ended; returns the exit code for this process. */
export async function runProxy(args: readonly string[]): Promise<number> {
  const options = await gatherOptions(args);
  const log = createLogger({ level: options.level, json: options.logJson });
  const { probers, problems } = parseProbers(options.appProbers);
  for (const problem of [...options.problems, ...problems]) log.warn(problem);
  log.info(`starting as ${options.nodeId}`, { cluster: options.clusterId, discovery: options.xds.address });

  const own = telemetryIdentity({
    workload: options.env.ISTIO_META_WORKLOAD_NAME ?? '',
    namespace: options.namespace,
    cluster: options.clusterId,
    labels: options.labels,
  });
  const admin: AdminOptions = { host: options.localhost, port: options.adminPort };
  const stop = stopSignals();
  const life = new AbortController();
  let envoy: EnvoyProcess | undefined;
  let draining = false;

  const identity = options.certificates
    ? await startIdentity(options, { clock: systemClock, log, signal: life.signal })
    : undefined;
  const readiness = rememberReadiness(log, async () => {
    if (draining) return { ready: false, reason: 'draining' };
    if (!envoy) return { ready: false, reason: 'waiting for a workload certificate' };
    return askEnvoy(admin);
  });
  const server = await startStatusServer({
    port: options.statusPort,
    admin,
    own,
    log,
    probers,
    address: options.addresses[0] ?? '127.0.0.1',
    source: captureSource(options),
    scrape: parseScrapeTarget(options.prometheusAnnotations, options.statusPort),
    metrics: () => identity?.metrics() ?? '',
    readiness,
    drain: async () => {
      draining = true;
      log.info('asked to drain');
      if (envoy) await startDraining({ admin, type: options.type, log });
    },
    quit: () => stop.now('quitquitquit'),
  });

  try {
    if (identity && !(await identity.ready(stop.signal))) return 0;
    envoy = await launch(options, own);
    log.info('started Envoy', { pid: envoy.pid });
    const outcome = await Promise.race([envoy.exited, stop.asked]);
    if (outcome === 'stop') {
      draining = true;
      log.info(`stopping (${stop.reason()})`);
      await stopEnvoy(options, { envoy, admin, log });
      return 0;
    }
    if (outcome.code === 0) {
      // Somebody in the pod asked its admin port to quit, as jobs do when their work is done.
      log.info('Envoy has ended because it was asked to');
      return 0;
    }
    log.error(`Envoy ended by itself: ${outcome.signal ?? `exit code ${outcome.code}`}`);
    return outcome.code || 1;
  } finally {
    life.abort();
    server.close();
    server.closeAllConnections();
  }
}

async function launch(options: AgentOptions, own: TelemetryIdentity): Promise<EnvoyProcess> {
  const { configPath, binaryPath } = options.proxyConfig;
  await mkdir(configPath, { recursive: true });
  const file = join(configPath, 'envoy-rev.json');
  await replaceFile(file, `${JSON.stringify(envoyBootstrap(options))}\n`);
  // Injection mounts it for the annotation sidecar.istio.io/bootstrapOverride.
  const { ISTIO_BOOTSTRAP_OVERRIDE: overrideFile } = options.env;
  const override = overrideFile ? await readFile(overrideFile, 'utf8') : undefined;
  // What the proxy says of itself to those it calls; they know its namespace from its certificate.
  const self = writeWorkload(own, { service: '', namespace: own.namespace, cluster: '' });
  return startEnvoy(binaryPath, envoyArguments(options, file, override), { [PEER_ENVIRONMENT]: self });
}

/** Drains, asks Envoy to end, and insists after two seconds. */
async function stopEnvoy(
  options: AgentOptions,
  { envoy, admin, log }: { readonly envoy: EnvoyProcess; readonly admin: AdminOptions; readonly log: Logger },
): Promise<void> {
  const gone = new AbortController();
  const exited = envoy.exited.finally(() => gone.abort());
  await drain({
    admin,
    type: options.type,
    clock: systemClock,
    log,
    duration: options.drainDuration,
    exitOnZeroConnections: options.exitOnZeroActiveConnections,
    minimum: options.minimumDrainDuration,
    signal: gone.signal,
  });
  envoy.kill('SIGTERM');
  const hard = setTimeout(() => envoy.kill('SIGKILL'), 2000);
  await exited;
  clearTimeout(hard);
  log.info('Envoy has ended');
}

async function askEnvoy(admin: AdminOptions): Promise<Readiness> {
  try {
    const { body } = await callAdmin({ path: `/stats?filter=${encodeURIComponent(READINESS_STATS)}` }, admin);
    return readinessFromStats(body);
  } catch (error) {
    return { ready: false, reason: `Envoy's admin port does not answer: ${(error as Error).message}` };
  }
}

/** Kubelet asks every second; a change of the answer is logged once. */
function rememberReadiness(log: Logger, ask: () => Promise<Readiness>): () => Promise<Readiness> {
  let last: string | undefined = 'not asked yet';
  return async () => {
    const result = await ask();
    const reason = result.ready ? undefined : result.reason;
    if (reason !== last) {
      if (reason === undefined) log.info('the proxy is ready');
      else log.info(`the proxy is not ready: ${reason}`);
      last = reason;
    }
    return result;
  };
}

/** Traffic from these addresses reaches the app past inbound capture; without capture any source will do. */
function captureSource(options: AgentOptions): string | undefined {
  const mode = options.env.ISTIO_META_INTERCEPTION_MODE;
  if (options.type !== 'sidecar' || !mode || mode === 'NONE') return undefined;
  return options.addresses[0]?.includes(':') ? '::6' : '127.0.0.6';
}

function stopSignals() {
  let resolve: (value: 'stop') => void = () => {};
  let reason = '';
  const asked = new Promise<'stop'>((done) => {
    resolve = done;
  });
  const controller = new AbortController();
  const now = (why: string) => {
    reason ||= why;
    resolve('stop');
    controller.abort();
  };
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => now(name));
  return { asked, now, reason: () => reason, signal: controller.signal };
}
