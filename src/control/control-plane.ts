// The control plane, put together: sources on one side, the mesh in the middle, servers on the other.
import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Graph } from '../graph/graph.ts';
import { createMesh, type Mesh } from '../ingest/mesh.ts';
import { supportsNativeSidecars } from '../inject/native.ts';
import type { ApiAccess } from '../k8s/access.ts';
import { followFiles } from '../k8s/file-source.ts';
import { inClusterAccess } from '../k8s/in-cluster.ts';
import { loadKubeconfig } from '../k8s/kubeconfig.ts';
import type { KubernetesObject, ObjectName } from '../kinds/object.ts';
import type { Clock } from '../lib/clock.ts';
import { type Callers, createCallers } from './caller.ts';
import { type ChangeQueue, createChangeQueue } from './change-queue.ts';
import { createConfigMaps } from './config-maps.ts';
import { guardDebug } from './debug-guard.ts';
import { type HttpServer, serveHttp } from './http-server.ts';
import { createInjector, type Injector } from './injector.ts';
import { followJwks } from './jwks.ts';
import { createKubernetesSide, type KubernetesSide } from './kubernetes-side.ts';
import type { Logs } from './log.ts';
import { meshTarget } from './mesh-target.ts';
import type { Metrics } from './metrics.ts';
import { type ControlOptions, UsageError } from './options.ts';
import { createPages } from './pages.ts';
import { createProblemBook, type ProblemBook } from './problem-book.ts';
import { createServerCertificates, serverNames } from './server-certificate.ts';
import { VERSION } from './version.ts';
import { createWebhooks } from './webhooks.ts';
import { createXdsSide, type XdsSide } from './xds-side.ts';

export interface ControlPlaneInput {
  readonly options: ControlOptions;
  readonly clock: Clock;
  readonly logs: Logs;
  readonly metrics: Metrics;
  /** Fires when the start should be given up. */
  readonly signal: AbortSignal;
}

/** Ports that were opened; 0 for those that were not. */
export interface OpenPorts {
  readonly grpc: number;
  readonly secureGrpc: number;
  readonly https: number;
  readonly http: number;
  readonly monitoring: number;
}

export interface ControlPlane {
  readonly mesh: Mesh;
  readonly ports: OpenPorts;
  /** Lets proxies move away within `ms`, then closes everything. */
  shutdown(ms: number): Promise<void>;
}

interface Middle {
  readonly mesh: Mesh;
  readonly queue: ChangeQueue;
  readonly problems: ProblemBook;
  readonly injector: Injector;
  readonly onMesh: (text: string | undefined) => void;
}

/** Starts everything and resolves when proxies can connect. Rejects with UsageError when the options cannot be obeyed. */
export async function startControlPlane(input: ControlPlaneInput): Promise<ControlPlane> {
  const { options, logs, metrics, signal } = input;
  const log = logs.scope('control');
  const close = new AsyncDisposableStack();
  let waitingFor = 'starting';
  try {
    metrics.info.set({ version: VERSION }, 1);
    const middle = createMiddle(input);
    const access = await findAccess(options);
    const kube = access ? close.use(openKubernetes(input, middle, access)) : undefined;
    const callers =
      kube &&
      createCallers({
        client: (id) => kube.clusters.get(id)?.client,
        configCluster: options.clusterId,
        trustDomain: () => trustDomain(middle.mesh),
        trustDomainAliases: () => middle.mesh.graph.read(middle.mesh.trustDomainAliases, ''),
      });
    const xds = close.use(createXdsSide({ ...input, mesh: middle.mesh, clusters: kube?.clusters, callers }));
    const pages = createPages({
      mesh: middle.mesh,
      clusters: kube?.clusters,
      configCluster: options.clusterId,
      metrics,
      logs,
      problems: middle.problems,
      notReady: () => waitingFor,
      guard: (request) => guardDebug(request, { callers, namespace: options.namespace }),
      more: xds.pages,
    });
    xds.debug = pages.debug;
    const serve = async (address: string): Promise<number> => {
      if (!address) return 0;
      const server = await serveHttp({
        address,
        handler: pages.handler,
        onError: (error, request) => log.error(`${request} failed`, { error }),
      });
      return close.use(server).port;
    };
    const http = await serve(options.httpAddr);
    const monitoring = await serve(options.monitoringAddr);

    close.use(followJwks({ mesh: middle.mesh, clock: input.clock, log: logs.scope('jwks') }));
    if (options.meshConfig) close.use(await followMeshConfig(options.meshConfig, middle));
    if (options.configDir) await openFiles(input, middle, close);
    let ports = { secureGrpc: 0, https: 0 };
    if (kube) {
      waitingFor = `cluster ${options.clusterId} to be read`;
      await abortable(kube.ready, signal);
      await middle.queue.settled();
      waitingFor = 'the mesh CA';
      await kube.openAuthority(signal);
      ports = await openSecure({ ...input, middle, kube, callers: callers!, xds, close });
      kube.lead();
    }
    await middle.queue.settled();
    const grpc = options.grpcAddr ? await xds.servePlaintext(options.grpcAddr) : 0;
    waitingFor = '';
    const opened: OpenPorts = { grpc, ...ports, http, monitoring };
    log.info('ready', { ...opened, cluster: options.clusterId, version: VERSION });
    return {
      mesh: middle.mesh,
      ports: opened,
      async shutdown(ms) {
        waitingFor = 'shutting down';
        await Promise.all([kube?.resign(), xds.drain(ms)]);
        await close.disposeAsync();
      },
    };
  } catch (error) {
    await close.disposeAsync();
    throw error;
  }
}

function createMiddle({ options, logs, metrics }: ControlPlaneInput): Middle {
  const graph = new Graph();
  const mesh = createMesh(graph, { configCluster: options.clusterId, domain: options.domain });
  const problems = createProblemBook({ log: logs.scope('config'), metrics });
  const injector = createInjector({ revision: options.revision, problems });
  const queue = createChangeQueue({
    target: meshTarget(mesh, problems),
    batch: (writes) => graph.batch(writes),
    onError: (error, object) => logs.scope('config').error(`cannot take ${object}; it is left out`, { error }),
  });
  return {
    mesh,
    queue,
    problems,
    injector,
    onMesh(text) {
      problems.set('MeshConfig', mesh.setMeshConfig(text ?? ''));
      injector.setMesh(text);
    },
  };
}

/** The API server of the config cluster; undefined when only files are served. */
async function findAccess(options: ControlOptions): Promise<ApiAccess | undefined> {
  if (options.kubeconfig) {
    const { access, problems } = await loadKubeconfig(options.kubeconfig, options.context || undefined).catch(
      (error: unknown) => {
        throw new UsageError(`--kubeconfig: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      },
    );
    if (access) return access;
    throw new UsageError(`--kubeconfig ${options.kubeconfig}: ${problems.map(({ message }) => message).join(' ')}`);
  }
  if (options.configDir) return undefined;
  const access = inClusterAccess();
  if (access) return access;
  throw new UsageError('not running in a pod: say --kubeconfig FILE, or --config-dir DIR to serve files');
}

function openKubernetes(
  { options, clock, logs, metrics }: ControlPlaneInput,
  middle: Middle,
  access: ApiAccess,
): KubernetesSide {
  return createKubernetesSide({
    control: options,
    access,
    clock,
    logs,
    metrics,
    problems: middle.problems,
    changes: middle.queue,
    onCluster: (cluster, info) => middle.mesh.setCluster(cluster, info),
    // A file wins over the ConfigMap, so that a revision can be tried with a MeshConfig of its own.
    onMesh: (text) => {
      if (!options.meshConfig) middle.onMesh(text);
    },
    onInjector: (config) => middle.injector.setConfigMap(config),
    trustDomain: () => trustDomain(middle.mesh),
  });
}

interface SecureInput extends ControlPlaneInput {
  readonly middle: Middle;
  readonly kube: KubernetesSide;
  readonly callers: Callers;
  readonly xds: XdsSide;
  readonly close: AsyncDisposableStack;
}

/** xDS and CA on one TLS port, webhooks on another; both with a certificate of the mesh CA. */
async function openSecure(input: SecureInput): Promise<{ secureGrpc: number; https: number }> {
  const { options, clock, logs, metrics, middle, kube, xds, close } = input;
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
        const settings = middle.injector.settings();
        return (
          settings && {
            ...settings,
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

/** Files stand in for the API server: the same objects, the same ways. */
async function openFiles(
  { options, logs }: ControlPlaneInput,
  middle: Middle,
  close: AsyncDisposableStack,
): Promise<void> {
  const { queue, problems, mesh } = middle;
  const cluster = options.clusterId;
  mesh.setCluster(cluster, { network: '', synced: true });
  const configMaps = createConfigMaps({
    namespace: options.namespace,
    revision: options.revision,
    onMesh: (text) => {
      if (!options.meshConfig) middle.onMesh(text);
    },
    onInjector: (config) => middle.injector.setConfigMap(config),
  });
  const apply = (object: KubernetesObject): void => {
    if (object.kind === 'ConfigMap' && configMaps.apply(object)) return;
    queue.apply(cluster, object);
  };
  const remove = (name: ObjectName): void => {
    if (name.kind === 'ConfigMap' && configMaps.remove(name.namespace, name.name)) return;
    queue.remove(cluster, name);
  };
  const source = await followFiles({
    directory: options.configDir,
    sink: { apply, remove },
    onProblems: (found) => problems.set(options.configDir, found),
  }).catch((error: unknown) => {
    throw new UsageError(`--config-dir: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  });
  close.use(source);
  logs.scope('files').info(`following ${options.configDir}`);
}

/** Reads `--meshConfig` and follows it. Rejects with UsageError when it cannot be read at the start. */
async function followMeshConfig(path: string, middle: Middle): Promise<Disposable> {
  const read = async (): Promise<void> => middle.onMesh(await readFile(path, 'utf8'));
  await read().catch((error: unknown) => {
    throw new UsageError(`--meshConfig: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  });
  const changed = (): void => {
    // Between two versions the file may be gone for a moment; what it said stays in force.
    read().catch(() => {});
  };
  watchFile(path, { interval: 2000, persistent: false }, changed);
  return { [Symbol.dispose]: () => unwatchFile(path, changed) };
}

function trustDomain(mesh: Mesh): string {
  return mesh.graph.read(mesh.trustDomain, '');
}

async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  return Promise.race([promise, aborted]);
}
