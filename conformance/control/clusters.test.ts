// Clusters that come and go: unknown, introduced, badly introduced, removed; and what the control plane keeps right in each.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { labUnavailableReason } from '../../lab/available.ts';
import { TYPE_URL } from '../../src/envoy/resource.ts';
import { isNotFound } from '../../src/k8s/api-error.ts';
import { enroll, type KeyPair, makeCsr, openProxy, sign } from './client.ts';
import {
  type Context,
  eventually,
  namespaceObject,
  type Running,
  startPlane,
  startWorld,
  type World,
} from './world.ts';

const reason = labUnavailableReason();
const SYSTEM = '/api/v1/namespaces/istio-system';
const ROOT = 'istio-ca-root-cert';
const uri = 'spiffe://cluster.local/ns/default/sa/default';
const both: readonly Context[] = ['cluster1', 'cluster2'];
const run = promisify(execFile);

const node = (cluster: string) => ({
  id: 'sidecar~10.0.0.9~client.default~default.svc.cluster.local',
  metadata: { CLUSTER_ID: cluster, NAMESPACE: 'default', SERVICE_ACCOUNT: 'default' },
});

describe.skipIf(reason)(`clusters${reason ? ` (${reason})` : ''}`, () => {
  let world: World;
  let control: Running;
  let root: string;
  let remoteSecret: { metadata: { name: string }; [field: string]: unknown };

  const target = () => ({ port: control.plane.ports.secureGrpc, root });
  const rootIn = async (context: Context, namespace: string): Promise<string> => {
    const path = `/api/v1/namespaces/${namespace}/configmaps/${ROOT}`;
    try {
      return (
        (await world.api(context).request<{ data?: Record<string, string> }>({ path })).data?.['root-cert.pem'] ?? ''
      );
    } catch (error) {
      if (isNotFound(error)) return '';
      throw error;
    }
  };
  const putSecret = async (name: string, data: Record<string, string>): Promise<void> => {
    const body = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, labels: { 'istio/multiCluster': 'true' } },
      stringData: data,
    };
    await world.api('cluster1').request({ method: 'POST', path: `${SYSTEM}/secrets`, body });
  };
  const deleteSecret = (name: string) =>
    world.api('cluster1').request({ method: 'DELETE', path: `${SYSTEM}/secrets/${name}` });
  const problemCodes = async (): Promise<string[]> =>
    (JSON.parse((await control.page('/debug/problems')).body) as { problem: { code: string } }[]).map(
      ({ problem }) => problem.code,
    );
  const clusterStates = async (): Promise<Record<string, string>> => {
    const list = JSON.parse((await control.page('/debug/clusterz')).body) as { id: string; syncStatus: string }[];
    return Object.fromEntries(list.map(({ id, syncStatus }) => [id, syncStatus]));
  };

  beforeAll(async () => {
    world = await startWorld('t-control', 2);
    for (const [index, context] of both.entries()) {
      // A Service with an endpoint that nobody runs: only its address matters here.
      const metadata = { name: 'echo', namespace: 'default' };
      await world.create(context, '/api/v1/namespaces/default/services', {
        apiVersion: 'v1',
        kind: 'Service',
        metadata,
        spec: { ports: [{ name: 'http', port: 80 }] },
      });
      await world.create(context, '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { ...metadata, name: 'echo-1', labels: { 'kubernetes.io/service-name': 'echo' } },
        addressType: 'IPv4',
        ports: [{ name: 'http', port: 8080 }],
        endpoints: [{ addresses: [`10.9.${index + 1}.1`], conditions: { ready: true } }],
      });
    }
    control = await startPlane(world);
    root = await eventually('the root', () => rootIn('cluster1', 'default'), Boolean);
  });
  afterAll(async () => {
    await control?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  test('a caller of an unknown cluster is told which cluster is unknown and what to do', async () => {
    const token = await world.token('cluster2', 'default/default');
    const before = await control.metric('citadel_server_authentication_failure_count');
    const { pem } = await makeCsr(uri);
    const error = await sign({ ...target(), csr: pem, token, cluster: 'cluster2' }).catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining('cluster "cluster2" is unknown'),
    });
    expect(error).toMatchObject({ details: expect.stringContaining('create-remote-secret --name=cluster2') });
    expect(await control.metric('citadel_server_authentication_failure_count')).toBe(before + 1);
  });

  test('so is a proxy of an unknown cluster', async () => {
    const token = await world.token('cluster1', 'default/default');
    const certificate = await enroll({ ...target(), token, cluster: 'cluster1', uri });
    using proxy = openProxy({ ...target(), certificate, node: node('cluster2') });
    proxy.subscribe(TYPE_URL.cluster);
    expect(await proxy.ended).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining('cluster "cluster2" is unknown'),
    });
    expect(await control.metric('pilot_xds_refused_total', { reason: 'unknown-cluster' })).toBe(1);
  });

  test('the remote secret heals it without a restart, with rights for a reader only', async () => {
    const cli = join(import.meta.dirname, '../../src/cli/main.ts');
    const env = { ...process.env, KUBECONFIG: world.kubeconfig };
    const { stdout } = await run(
      process.execPath,
      [cli, 'create-remote-secret', '--context', 'cluster2', '--name', 'cluster2', '-i', 'istio-system'],
      { env },
    );
    const { parse } = await import('yaml');
    remoteSecret = parse(stdout);
    await world.api('cluster1').request({ method: 'POST', path: `${SYSTEM}/secrets`, body: remoteSecret });
    await eventually('cluster2', clusterStates, (states) => states.cluster2 === 'synced');
    const token = await world.token('cluster2', 'default/default');
    const certificate = await enroll({ ...target(), token, cluster: 'cluster2', uri });
    using proxy = openProxy({ ...target(), certificate, node: node('cluster2') });
    proxy.subscribe(TYPE_URL.cluster);
    await eventually(
      'clusters',
      () => [...(proxy.resources.get(TYPE_URL.cluster)?.keys() ?? [])],
      (names) => names.includes('outbound|80||echo.default.svc.cluster.local'),
    );
  });

  test('every namespace of every cluster has the root, also new ones, and again after it was altered or deleted', async () => {
    for (const context of both) {
      const namespaces = await world
        .api(context)
        .request<{ items: { metadata: { name: string } }[] }>({ path: '/api/v1/namespaces' });
      for (const { metadata } of namespaces.items)
        await eventually(
          `${context} ${metadata.name}`,
          () => rootIn(context, metadata.name),
          (pem) => pem === root,
        );
    }
    await world.create('cluster2', '/api/v1/namespaces', namespaceObject('fresh'));
    await eventually(
      'a new namespace',
      () => rootIn('cluster2', 'fresh'),
      (pem) => pem === root,
    );
    const path = `/api/v1/namespaces/fresh/configmaps/${ROOT}`;
    await world.api('cluster2').request({
      method: 'PATCH',
      path,
      body: { data: { 'root-cert.pem': 'x' } },
      contentType: 'application/merge-patch+json',
    });
    await eventually(
      'an altered one',
      () => rootIn('cluster2', 'fresh'),
      (pem) => pem === root,
    );
    await world.api('cluster2').request({ method: 'DELETE', path });
    await eventually(
      'a deleted one',
      () => rootIn('cluster2', 'fresh'),
      (pem) => pem === root,
    );
  });

  test("webhooks of this revision get the CA's certificate, others are left alone", async () => {
    const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
    const webhook = (name: string, revision: string) => ({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name, labels: { 'istio.io/rev': revision } },
      webhooks: [
        {
          name: 'rev.namespace.sidecar-injector.istio.io',
          clientConfig: { service: { name: 'istiod', namespace: 'istio-system', path: '/inject' } },
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          failurePolicy: 'Ignore',
          namespaceSelector: { matchLabels: { nobody: 'has-this' } },
        },
      ],
    });
    const bundle = async (name: string): Promise<string> => {
      const found = await world
        .api('cluster2')
        .request<{ webhooks: { clientConfig: { caBundle?: string } }[] }>({ path: `${path}/${name}` });
      return Buffer.from(found.webhooks[0]!.clientConfig.caBundle ?? '', 'base64').toString();
    };
    await world.create('cluster2', path, webhook('other', 'canary'));
    await world.create('cluster2', path, webhook('ours', 'default'));
    await eventually(
      'our webhook',
      () => bundle('ours'),
      (pem) => pem === root,
    );
    expect(await bundle('other')).toBe('');
  });

  test.each([
    ['a broken kubeconfig', 'broken', { cluster3: 'kind: [' }, 'kubeconfig-syntax'],
    [
      'a plugin',
      'plugin',
      {
        cluster3:
          'current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]\nusers: [{name: u, user: {exec: {command: /bin/touch, args: [/tmp/never]}}}]',
      },
      'kubeconfig-exec',
    ],
    [
      'a second kubeconfig for a cluster',
      'second',
      {
        cluster2:
          'current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]\nusers: [{name: u, user: {token: t}}]',
      },
      'remote-secret-duplicate',
    ],
  ])('a secret with %s is a problem with a metric, and disturbs nobody', async (_, name, data, code) => {
    await putSecret(name, data);
    await eventually('the problem', problemCodes, (codes) => codes.includes(code));
    expect(await control.metric('pilot_remote_secret_problems', { secret: `istio-system/${name}`, code })).toBe(1);
    expect(await clusterStates()).toEqual({ cluster1: 'synced', cluster2: 'synced' });
    await deleteSecret(name);
    await eventually('no problem', problemCodes, (codes) => !codes.includes(code));
    expect(await control.metric('pilot_remote_secret_problems', { secret: `istio-system/${name}` })).toBe(0);
  });

  test('a cluster that does not answer is waited for and named, while others are served', async () => {
    const text =
      'current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]\nusers: [{name: u, user: {token: t}}]';
    await putSecret('silent', { silent: text });
    const token = await world.token('cluster1', 'default/default');
    const { pem } = await makeCsr(uri);
    await eventually('the cluster', clusterStates, (states) => states.silent === 'syncing');
    const refused = await sign({ ...target(), csr: pem, token, cluster: 'silent' }).catch((e: unknown) => e);
    expect(refused).toMatchObject({ code: status.UNAVAILABLE, details: expect.stringContaining('cluster "silent"') });
    expect(await sign({ ...target(), csr: pem, token, cluster: 'cluster1' })).toHaveLength(2);
    expect(await control.metric('pilot_k8s_watch_errors_total', { cluster: 'silent' })).toBeGreaterThan(0);
    await deleteSecret('silent');
    await eventually('its end', clusterStates, (states) => !('silent' in states));
  });

  test("removing the secret removes exactly that cluster's endpoints, and adding it brings them back", async () => {
    const token = await world.token('cluster1', 'default/default');
    const certificate: KeyPair = await enroll({ ...target(), token, cluster: 'cluster1', uri });
    using proxy = openProxy({ ...target(), certificate, node: node('cluster1') });
    const name = 'outbound|80||echo.default.svc.cluster.local';
    proxy.subscribe(TYPE_URL.endpoints, name);
    const addresses = (): string => {
      const bytes = Buffer.from(proxy.resources.get(TYPE_URL.endpoints)?.get(name) ?? []).toString('latin1');
      return ['10.9.1.1', '10.9.2.1'].filter((address) => bytes.includes(address)).join();
    };
    await eventually('both', addresses, (found) => found === '10.9.1.1,10.9.2.1');
    // Credentials that rotate, or break, take nothing away.
    const putData = (kubeconfig: string) =>
      world.api('cluster1').request({
        method: 'PATCH',
        path: `${SYSTEM}/secrets/${remoteSecret.metadata.name}`,
        body: { stringData: { cluster2: kubeconfig } },
        contentType: 'application/merge-patch+json',
      });
    const good = (remoteSecret.stringData as Record<string, string>).cluster2!;
    const errors = () => control.metric('pilot_k8s_watch_errors_total', { cluster: 'cluster2' });
    const before = await errors();
    await putData(good.replace(/token: .*/, 'token: revoked'));
    await eventually('refused requests', errors, (n) => n > before);
    expect(addresses()).toBe('10.9.1.1,10.9.2.1');
    await putData(good);
    const healthy = async () =>
      (JSON.parse((await control.page('/debug/clusterz')).body) as { id: string; kinds: { error?: string }[] }[])
        .find(({ id }) => id === 'cluster2')!
        .kinds.every(({ error }) => !error);
    await eventually('no more errors', healthy, Boolean);
    expect(addresses()).toBe('10.9.1.1,10.9.2.1');
    await deleteSecret(remoteSecret.metadata.name);
    await eventually('one', addresses, (found) => found === '10.9.1.1');
    await world.api('cluster1').request({ method: 'POST', path: `${SYSTEM}/secrets`, body: remoteSecret });
    await eventually('both again', addresses, (found) => found === '10.9.1.1,10.9.2.1');
  });
});
