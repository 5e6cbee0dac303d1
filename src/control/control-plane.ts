// The control plane, put together: sources on one side, the mesh in the middle, servers on the other.
import type { Mesh } from '../ingest/mesh.ts';
import type { ApiAccess } from '../k8s/access.ts';
import { inClusterAccess } from '../k8s/in-cluster.ts';
import { loadKubeconfig } from '../k8s/kubeconfig.ts';
import type { Clock } from '../lib/clock.ts';
import { createCallers } from './caller.ts';
import { guardDebug } from './debug-guard.ts';
import { followMeshConfig, openFiles } from './file-side.ts';
import { serveHttp } from './http-server.ts';
import { followJwks } from './jwks.ts';
import { createKubernetesSide, type KubernetesSide } from './kubernetes-side.ts';
import type { Logs } from './log.ts';
import type { Metrics } from './metrics.ts';
import { createMiddle, type Middle, trustDomain } from './middle.ts';
import { type ControlOptions, UsageError } from './options.ts';
import { createPages } from './pages.ts';
import { openSecure } from './secure-side.ts';
import { VERSION } from './version.ts';
import { createXdsSide } from './xds-side.ts';

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
    const xds = close.use(
      createXdsSide({ ...input, mesh: middle.mesh, problems: middle.problems, clusters: kube?.clusters, callers }),
    );
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
    if (options.configDir) close.use(await openFiles(input, middle));
    let ports = { secureGrpc: 0, https: 0 };
    if (kube) {
      waitingFor = `cluster ${options.clusterId} to be read`;
      await abortable(kube.ready, signal);
      await middle.queue.settled();
      waitingFor = 'the mesh CA';
      await kube.openAuthority(signal);
      ports = await openSecure({ ...input, injector: middle.injector, mesh: middle.mesh, kube, xds, close });
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

async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  return Promise.race([promise, aborted]);
}
