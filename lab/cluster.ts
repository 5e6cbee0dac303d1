// Brings one cluster up, from nothing or from what still runs of it.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Binaries } from './build.ts';
import { type ApiClient, ApiError, openClient } from './client.ts';
import { containerdSocket, PAUSE_IMAGE, startContainerd } from './containerd.ts';
import { COREDNS_IMAGE, dnsObjects } from './dns.ts';
import { importArchive } from './images.ts';
import { kubeconfig } from './kubeconfig.ts';
import {
  clusterFiles,
  controllerProcesses,
  kubeletConfig,
  nodeProcesses,
  proxyConfig,
  serverUrl,
  storageProcesses,
} from './kubernetes.ts';
import { logPath, tailOf } from './logs.ts';
import { nodeInit, startNode } from './node.ts';
import { createPki } from './pki.ts';
import type { ClusterPlan, LabPlan } from './plan.ts';
import { assertRunning, startProcess } from './processes.ts';
import type { Progress } from './progress.ts';
import { giveUp, waitFor } from './wait.ts';

/** What bringing a cluster up needs. */
export interface ClusterContext {
  readonly plan: LabPlan;
  readonly binaries: Binaries;
  /** Archives of the images that every cluster has. */
  readonly images: { readonly pause: string; readonly coredns: string };
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

const READY_TIMEOUT_MS = 120_000;

/** Resolves when the node is Ready and DNS answers. Starts only what does not run. */
export async function upCluster(cluster: ClusterPlan, context: ClusterContext): Promise<void> {
  const { binaries, progress, signal } = context;
  const { kubelab } = binaries;
  await writeFiles(cluster);
  if (!nodeInit(cluster)) await startNode(cluster, binaries.pause, signal);
  using client = openClient(cluster);

  const runtime = progress.step(`${cluster.name}: containerd and its first images`, async () => {
    await startContainerd(cluster, signal);
    await importArchive(cluster, context.images.pause, signal);
    await importArchive(cluster, context.images.coredns, signal);
  });
  const control = progress.step(`${cluster.name}: API server at ${serverUrl(cluster)}`, async () => {
    for (const spec of storageProcesses(cluster, kubelab)) await startProcess(cluster, spec);
    await untilServed(cluster, client, signal);
    for (const spec of controllerProcesses(cluster, kubelab)) await startProcess(cluster, spec);
    await startProcess(cluster, {
      name: 'load-balancer',
      command: [process.execPath, join(import.meta.dirname, 'load-balancer-main.ts'), context.plan.dir, cluster.name],
      env: { NODE_OPTIONS: '--max-old-space-size=64 --disable-warning=ExperimentalWarning' },
    });
  });
  await Promise.all([runtime, control]);
  await progress.step(`${cluster.name}: ${cluster.node} Ready`, async () => {
    for (const spec of nodeProcesses(cluster, kubelab)) await startProcess(cluster, spec);
    await applyDns(cluster, client, signal);
    await untilNodeReady(cluster, client, signal);
  });
  await progress.step(`${cluster.name}: DNS answers`, () => untilDnsReady(cluster, client, signal));
}

/** Whether every part of a cluster runs and its node is Ready; a sentence says what does not. */
export async function clusterHealth(cluster: ClusterPlan, processes: readonly string[]): Promise<true | string> {
  try {
    for (const name of processes) assertRunning(cluster, name);
    using client = openClient(cluster);
    await client.call('GET', '/readyz');
    const node = await nodeReady(cluster, client);
    return node === true ? await dnsReady(client) : node;
  } catch (error) {
    return (error as Error).message.split('\n')[0]!;
  }
}

async function writeFiles(cluster: ClusterPlan): Promise<void> {
  const files = clusterFiles(cluster);
  for (const dir of ['pki', 'config', 'log', 'volume-plugins']) mkdirSync(join(cluster.dir, dir), { recursive: true });
  // The last file to be written tells that all the others are there.
  if (existsSync(files.kubeletConfig)) return;
  const pki = await createPki(cluster, new Date());
  const secret = (path: string, text: string) => writeFileSync(path, text, { mode: 0o600 });
  const pairs = [
    [files.caCertificate, files.caKey, pki.ca],
    [files.apiserverCertificate, files.apiserverKey, pki.apiserver],
    [files.kubeletCertificate, files.kubeletKey, pki.kubelet],
    [files.adminCertificate, files.adminKey, pki.users.admin],
  ] as const;
  for (const [certificate, key, pair] of pairs) {
    secret(certificate, pair.certificate);
    secret(key, pair.key);
  }
  secret(files.serviceAccountPublic, pki.serviceAccount.publicKey);
  secret(files.serviceAccountKey, pki.serviceAccount.privateKey);
  const users = [
    [files.controllerManager, 'controller-manager', pki.users['controller-manager']],
    [files.scheduler, 'scheduler', pki.users.scheduler],
    [files.proxy, 'proxy', pki.users.proxy],
    [files.kubelet, 'kubelet', pki.kubelet],
  ] as const;
  const access = { name: cluster.name, server: serverUrl(cluster), ca: pki.ca.certificate };
  for (const [file, user, client] of users) secret(file, kubeconfig([{ ...access, user, client }]));
  writeFileSync(files.resolvConf, '');
  writeFileSync(files.proxyConfig, JSON.stringify(proxyConfig(cluster), undefined, 2));
  writeFileSync(
    files.kubeletConfig,
    JSON.stringify(kubeletConfig(cluster, { socket: containerdSocket(cluster) }), undefined, 2),
  );
}

async function untilServed(cluster: ClusterPlan, client: ApiClient, signal?: AbortSignal): Promise<void> {
  const probe = async () => {
    giveUp(() => {
      assertRunning(cluster, 'etcd');
      assertRunning(cluster, 'kube-apiserver');
    });
    await client.call('GET', '/readyz', { signal });
    return true as const;
  };
  await withLog(cluster, 'kube-apiserver', () =>
    waitFor(probe, { what: `${cluster.name}: API server ready`, timeoutMs: READY_TIMEOUT_MS, everyMs: 100, signal }),
  );
}

async function applyDns(cluster: ClusterPlan, client: ApiClient, signal?: AbortSignal): Promise<void> {
  const probe = async () => {
    for (const { collection, object } of dnsObjects(cluster)) {
      await client.call('PATCH', `${collection}/${object.metadata.name}?fieldManager=isthmus-lab&force=true`, {
        body: object,
        contentType: 'application/apply-patch+yaml',
        signal,
      });
    }
    return true as const;
  };
  await waitFor(probe, { what: `${cluster.name}: cluster DNS applied`, timeoutMs: 30_000, signal });
}

async function untilNodeReady(cluster: ClusterPlan, client: ApiClient, signal?: AbortSignal): Promise<void> {
  const probe = () => {
    giveUp(() => assertRunning(cluster, 'kubelet'));
    return nodeReady(cluster, client);
  };
  await withLog(cluster, 'kubelet', () =>
    waitFor(probe, { what: `${cluster.name}: ${cluster.node} Ready`, timeoutMs: READY_TIMEOUT_MS, signal }),
  );
}

async function untilDnsReady(cluster: ClusterPlan, client: ApiClient, signal?: AbortSignal): Promise<void> {
  await withLog(cluster, 'kubelet', () =>
    waitFor(() => dnsReady(client), { what: `${cluster.name}: CoreDNS ready`, timeoutMs: READY_TIMEOUT_MS, signal }),
  );
}

interface Conditions {
  readonly status?: { readonly conditions?: readonly { type: string; status: string; message?: string }[] };
}

async function nodeReady(cluster: ClusterPlan, client: ApiClient): Promise<true | string> {
  const node = await client.call<Conditions>('GET', `/api/v1/nodes/${cluster.node}`);
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'True' || `${cluster.node} is not Ready: ${ready?.message ?? 'no condition yet'}`;
}

async function dnsReady(client: ApiClient): Promise<true | string> {
  const dns = await client.call<Conditions>('GET', '/apis/apps/v1/namespaces/kube-system/deployments/coredns');
  const available = dns.status?.conditions?.find(({ type }) => type === 'Available');
  return available?.status === 'True' || `CoreDNS is not available: ${available?.message ?? 'no condition yet'}`;
}

async function withLog(cluster: ClusterPlan, process: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ApiError || !(error as Error).message.includes('log: ')) {
      throw new Error(`${(error as Error).message}\n${tailOf(logPath(cluster, process))}`, { cause: error });
    }
    throw error;
  }
}

/** Images that every cluster has, by the program inside. */
export const FIRST_IMAGES = { pause: PAUSE_IMAGE, coredns: COREDNS_IMAGE } as const;
