// A lab of real API servers with nothing in it, and a control plane in this process that watches them.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { labDown, labUp } from '../../lab/api.ts';
import { kubeconfigPath } from '../../lab/paths.ts';
import type { ClusterPlan, LabPlan } from '../../lab/plan.ts';
import { type ControlPlane, startControlPlane } from '../../src/control/control-plane.ts';
import { createLogs } from '../../src/control/log.ts';
import { createMetrics, type Metrics } from '../../src/control/metrics.ts';
import { parseOptions } from '../../src/control/options.ts';
import { isConflict } from '../../src/k8s/api-error.ts';
import { parseKubeconfig } from '../../src/k8s/kubeconfig.ts';
import { type ApiClient, createApiClient } from '../../src/k8s/rest.ts';
import { systemClock } from '../../src/lib/clock.ts';

export type Context = 'cluster1' | 'cluster2';

export interface World extends AsyncDisposable {
  readonly plan: LabPlan;
  readonly kubeconfig: string;
  api(context: Context): ApiClient;
  plane(context: Context): ClusterPlan;
  /** A token of a service account, as the kubelet gives it to a pod. */
  token(context: Context, account: string, audience?: string): Promise<string>;
  /** Creates an object; one that is there already is fine. */
  create(context: Context, path: string, body: object): Promise<void>;
}

/** Brings up a lab with `clusters` clusters and namespace istio-system in each. */
export async function startWorld(name: string, clusters: number): Promise<World> {
  const plan = await labUp({ name, clusters });
  const kubeconfig = kubeconfigPath(plan.dir);
  const text = readFileSync(kubeconfig, 'utf8');
  const clients = new Map(
    plan.clusters.map((cluster) => {
      const { access } = parseKubeconfig(text, { context: cluster.name, allowFiles: true, directory: plan.dir });
      return [cluster.name, createApiClient({ cluster: cluster.name, access: access! })];
    }),
  );
  const api = (context: Context): ApiClient => clients.get(context)!;
  const create: World['create'] = async (context, path, body) => {
    await api(context)
      .request({ method: 'POST', path, body })
      .catch((error: unknown) => {
        if (!isConflict(error)) throw error;
      });
  };
  for (const { name: context } of plan.clusters) {
    await create(context as Context, '/api/v1/namespaces', namespaceObject('istio-system'));
  }
  return {
    plan,
    kubeconfig,
    api,
    create,
    plane: (context) => plan.clusters.find((cluster) => cluster.name === context)!,
    async token(context, account, audience = 'istio-ca') {
      const [namespace, serviceAccount] = account.split('/');
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`;
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: [audience] } };
      const answer = await api(context).request<{ status: { token: string } }>({ method: 'POST', path, body });
      return answer.status.token;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients.values()) client[Symbol.dispose]();
      await labDown(name);
    },
  };
}

export function namespaceObject(name: string): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

/** A file of a cluster's control plane, for credentials that no API hands out. */
export function labFile(cluster: ClusterPlan, ...path: string[]): string {
  return readFileSync(join(cluster.dir, ...path), 'utf8');
}

export interface Running extends AsyncDisposable {
  readonly plane: ControlPlane;
  readonly metrics: Metrics;
  /** Log lines so far. */
  readonly log: readonly string[];
  /** Value of a metric; 0 when it has none with these labels. */
  metric(name: string, labels?: Record<string, string>): Promise<number>;
  /** A page of the debug and metrics port. */
  page(path: string): Promise<{ status: number; body: string }>;
}

/** Starts a control plane for cluster1 of the lab; `more` are further arguments. */
export async function startPlane(world: World, ...more: string[]): Promise<Running> {
  const log: string[] = [];
  const metrics = createMetrics();
  const here = '127.0.0.1:0';
  const options = parseOptions(
    [
      '--kubeconfig',
      world.kubeconfig,
      '--context',
      'cluster1',
      '--clusterID',
      'cluster1',
      '--grpcAddr',
      '',
      ...['secureGRPCAddr', 'httpsAddr', 'monitoringAddr'].flatMap((flag) => [`--${flag}`, here]),
      '--httpAddr',
      '',
      ...more,
    ],
    { POD_NAME: `istiod-${randomUUID().slice(0, 8)}` },
  );
  const abort = new AbortController();
  const plane = await startControlPlane({
    options,
    clock: systemClock,
    logs: createLogs({ write: (line) => log.push(line) }),
    metrics,
    signal: abort.signal,
  });
  return {
    plane,
    metrics,
    log,
    async metric(name, labels = {}) {
      const found = await metrics.registry.getSingleMetric(name)?.get();
      const values = found?.values ?? [];
      return values
        .filter((value) =>
          Object.entries(labels).every(([key, text]) => (value.labels as Record<string, unknown>)[key] === text),
        )
        .reduce((sum, { value }) => sum + value, 0);
    },
    async page(path) {
      const response = await fetch(`http://127.0.0.1:${plane.ports.monitoring}${path}`);
      return { status: response.status, body: await response.text() };
    },
    async [Symbol.asyncDispose]() {
      await plane.shutdown(0);
    },
  };
}

/** Asks again until `accept` says yes; fails with the last answer. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T> | T,
  accept: (value: T) => boolean,
  limitMs = 20_000,
): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const value = await ask();
    if (accept(value)) return value;
    if (Date.now() > end) throw new Error(`${what}: still ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
