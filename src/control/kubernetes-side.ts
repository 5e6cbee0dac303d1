// The side of the control plane that faces API servers: what is watched, where it goes, and the duties in every cluster.
import { hostname } from 'node:os';
import { type Authority, openAuthority } from '../ca/authority.ts';
import type { ApiAccess } from '../k8s/access.ts';
import { createBackoff } from '../k8s/backoff.ts';
import { standForElection } from '../k8s/leader.ts';
import type { ReflectorState } from '../k8s/reflector.ts';
import type { KubernetesObject, ObjectName } from '../kinds/object.ts';
import type { Clock } from '../lib/clock.ts';
import { loadAuthorityFiles } from './authority-store.ts';
import { createCaBundles } from './ca-bundles.ts';
import type { ChangeTarget } from './change-queue.ts';
import { type Cluster, type Clusters, createClusters } from './clusters.ts';
import { createConfigMaps, type InjectorConfigMap, revisioned } from './config-maps.ts';
import type { Logs } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { ControlOptions } from './options.ts';
import type { ProblemBook } from './problem-book.ts';
import { createRemoteClusters } from './remote-clusters.ts';
import { createRootPublisher, ROOT_CONFIG_MAP } from './root-publisher.ts';
import { watchedKinds } from './watched-kinds.ts';

export interface KubernetesSideOptions {
  readonly control: ControlOptions;
  readonly access: ApiAccess;
  readonly clock: Clock;
  readonly logs: Logs;
  readonly metrics: Metrics;
  readonly problems: ProblemBook;
  /** Where objects of the mesh go. */
  readonly changes: ChangeTarget;
  readonly onCluster: (cluster: string, info: { network: string; synced: boolean }) => void;
  readonly onMesh: (text: string | undefined) => void;
  readonly onInjector: (config: InjectorConfigMap | undefined) => void;
  readonly trustDomain: () => string;
}

export interface KubernetesSide extends AsyncDisposable {
  readonly clusters: Clusters;
  /** The config cluster was read, and so was every remote cluster known by then (or it took too long). */
  readonly ready: Promise<void>;
  /** Versions of a cluster's nodes; '' is the config cluster. */
  kubeletVersions(cluster: string): readonly string[];
  /** The mesh CA; opened after the config cluster was read, retried until it can be. */
  openAuthority(signal: AbortSignal): Promise<void>;
  authority(): Authority;
  onAuthority(listener: () => void): void;
  /** Takes part in elections; call once everything is open. */
  lead(): void;
  /** Gives up what it leads, so that a successor need not wait. */
  resign(): Promise<void>;
}

export function createKubernetesSide(options: KubernetesSideOptions): KubernetesSide {
  const { control, clock, metrics, problems, changes } = options;
  const log = options.logs.scope('kube');
  const config = control.clusterId;
  const networks = new Map<string, string>();
  const authorityListeners: (() => void)[] = [];
  const elections: AsyncDisposable[] = [];
  let authority: Authority | undefined;
  let authorityKey = '';
  const client = (id: string) => clusters.get(id)?.client;
  const root = () => current().root;
  const duties = { root, client, clock, metrics };
  const roots = createRootPublisher({ ...duties, log: options.logs.scope('roots') });
  const bundles = createCaBundles({
    ...duties,
    configCluster: config,
    namespace: control.namespace,
    log: options.logs.scope('webhooks'),
  });
  const configMaps = createConfigMaps({
    namespace: control.namespace,
    revision: control.revision,
    onMesh: options.onMesh,
    onInjector: options.onInjector,
  });

  function current(): Authority {
    if (!authority) throw new Error('the mesh CA is not open yet');
    return authority;
  }
  /** Kubelet version by node, by cluster. */
  const kubelets = new Map<string, Map<string, string>>();
  const setKubelet = (cluster: string, node: string, version: string | undefined): void => {
    const nodes = kubelets.get(cluster) ?? new Map<string, string>();
    kubelets.set(cluster, nodes);
    if (version === undefined) nodes.delete(node);
    else nodes.set(node, version);
  };
  const tellCluster = (id: string): void => {
    const cluster = clusters.get(id);
    if (cluster) options.onCluster(id, { network: networks.get(id) ?? '', synced: cluster.status === 'synced' });
  };
  const count = (object: { kind?: string; apiVersion?: string }, event: string): void => {
    const istio = object.apiVersion?.includes('istio.io') ?? false;
    (istio ? metrics.configEvents : metrics.registryEvents).inc({ type: object.kind ?? '', event });
  };

  function apply(cluster: string, object: KubernetesObject): void {
    const { kind, metadata } = object;
    count(object, 'update');
    roots.apply(cluster, object);
    bundles.apply(cluster, object);
    if (isWebhook(kind) || isRootConfigMap(kind, metadata?.name)) return;
    if (kind === 'ConfigMap') {
      if (cluster === config) configMaps.apply(object);
      return;
    }
    if (kind === 'Secret' && cluster === config) {
      if (isRemoteSecret(object, control.remoteSecretsNamespace)) {
        remotes.applySecret(object);
        return;
      }
      if (metadata?.name === 'cacerts' && metadata.namespace === control.namespace) {
        reloadAuthority();
        return;
      }
    }
    if (kind === 'Namespace' && metadata?.name === control.namespace) {
      networks.set(cluster, metadata.labels?.['topology.istio.io/network'] ?? '');
      tellCluster(cluster);
    }
    if (kind === 'Node') setKubelet(cluster, metadata?.name ?? '', kubeletOf(object));
    changes.apply(cluster, object);
  }

  function remove(cluster: string, name: ObjectName): void {
    count(name, 'delete');
    roots.remove(cluster, name);
    bundles.remove(cluster, name);
    if (isWebhook(name.kind) || isRootConfigMap(name.kind, name.name)) return;
    if (name.kind === 'ConfigMap') {
      if (cluster === config) configMaps.remove(name.namespace, name.name);
      return;
    }
    if (name.kind === 'Secret' && name.namespace === control.remoteSecretsNamespace)
      remotes.removeSecret(name.namespace, name.name);
    if (name.kind === 'Node') setKubelet(cluster, name.name, undefined);
    changes.remove(cluster, name);
  }

  function failed(cluster: string, state: ReflectorState): void {
    log.warn(`cannot follow ${state.kind}: ${state.error?.message}`, { cluster });
  }

  const clusters: Clusters = createClusters({
    clock,
    timeoutMs: control.remoteTimeoutMs,
    kinds: ({ config: isConfig }) => watchedKinds({ ...control, config: isConfig }),
    events: {
      apply,
      remove,
      failed,
      failure: (cluster, kind) => metrics.watchErrors.inc({ cluster, kind }),
      added: (cluster) => tellCluster(cluster.id),
      changed: (cluster) => {
        if (cluster.status === 'timeout') {
          metrics.remoteSyncTimeouts.inc({ cluster: cluster.id });
          log.error(
            `cluster ${cluster.id} was not read within ${control.remoteTimeoutMs} ms; serving what is known of it`,
            { cluster: cluster.id },
          );
        } else log.info(`cluster ${cluster.id} is synced`, { cluster: cluster.id });
        tellCluster(cluster.id);
      },
      removed: (cluster) => {
        networks.delete(cluster.id);
        kubelets.delete(cluster.id);
        roots.removeCluster(cluster.id);
        bundles.removeCluster(cluster.id);
        changes.removeCluster(cluster.id);
      },
    },
  });
  const remotes = createRemoteClusters({
    clusters,
    configCluster: config,
    allowExec: control.allowExecAuth,
    problems,
    metrics,
    log: options.logs.scope('remote'),
  });

  async function loadAuthority(): Promise<void> {
    const stored = await loadAuthorityFiles({
      client: client(config)!,
      namespace: control.namespace,
      trustDomain: options.trustDomain(),
      clock,
    });
    const key = JSON.stringify(stored.files);
    if (key === authorityKey) return;
    authority = await openAuthority({ files: stored.files, clock });
    authorityKey = key;
    problems.set('mesh CA', []);
    metrics.rootExpiry.set(authority.notAfter.getTime() / 1000);
    log.info(`mesh CA ${stored.created ? 'created in' : 'read from'} Secret ${stored.secret}`, {
      until: authority.notAfter.toISOString(),
    });
    roots.refresh();
    bundles.refresh();
    for (const listener of authorityListeners) listener();
  }
  const authorityProblem = (error: unknown): void => {
    const message = error instanceof Error ? error.message : String(error);
    problems.set('mesh CA', [{ code: 'mesh-ca', severity: 'error', path: '', message }]);
  };
  function reloadAuthority(): void {
    if (authority) void loadAuthority().catch(authorityProblem);
  }

  const resign = async (): Promise<void> => {
    await Promise.all(elections.splice(0).map((election) => election[Symbol.asyncDispose]()));
  };

  const first: Cluster = clusters.add({ id: config, secret: '', access: options.access });
  const ready = first.ready.then(async () => {
    await Promise.all(clusters.list().map((cluster) => cluster.ready));
  });

  return {
    clusters,
    ready,
    kubeletVersions: (cluster) => [...(kubelets.get(cluster || config)?.values() ?? [])],
    authority: current,
    onAuthority: (listener) => void authorityListeners.push(listener),
    async openAuthority(signal) {
      const backoff = createBackoff();
      while (!signal.aborted && !authority) {
        await loadAuthority().catch(async (error: unknown) => {
          authorityProblem(error);
          await clock.sleep(backoff.next(), signal).catch(() => {});
        });
      }
    },
    lead() {
      const identity = `${control.podName === 'istiod' ? hostname() : control.podName}_${process.pid}`;
      const duty = (name: string, lead: (signal: AbortSignal) => void): void => {
        elections.push(
          standForElection({
            client: client(config)!,
            namespace: control.namespace,
            name,
            identity,
            now: () => clock.now(),
            lead: (signal) => {
              metrics.leading.set({ lease: name }, 1);
              signal.addEventListener('abort', () => metrics.leading.set({ lease: name }, 0));
              log.info(`leading ${name}`);
              lead(signal);
            },
            onError: (error) => log.warn(`cannot stand for election of ${name}`, { error }),
          }),
        );
      };
      duty('istio-namespace-controller-election', (signal) => roots.lead(signal));
      duty(revisioned('istio-webhook-controller-election', control.revision), (signal) => bundles.lead(signal));
    },
    resign,
    async [Symbol.asyncDispose]() {
      await resign();
      roots[Symbol.dispose]();
      bundles[Symbol.dispose]();
      clusters[Symbol.dispose]();
    },
  };
}

function isRemoteSecret({ metadata }: KubernetesObject, namespace: string): boolean {
  return metadata?.namespace === namespace && metadata.labels?.['istio/multiCluster'] === 'true';
}

function kubeletOf(node: KubernetesObject): string {
  const { status } = node as { status?: { nodeInfo?: { kubeletVersion?: string } } };
  return status?.nodeInfo?.kubeletVersion ?? '';
}

function isWebhook(kind = ''): boolean {
  return kind.endsWith('WebhookConfiguration');
}

function isRootConfigMap(kind: string | undefined, name: string | undefined): boolean {
  return kind === 'ConfigMap' && name === ROOT_CONFIG_MAP;
}
