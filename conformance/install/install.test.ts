// Installing into a real API server: what is applied, kept, pruned, refused and explained.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { labDown, labUp } from '../../lab/api.ts';
import { labUnavailableReason } from '../../lab/available.ts';
import { PAUSE_IMAGE } from '../../lab/containerd.ts';
import { kubeconfigPath } from '../../lab/paths.ts';
import { isNotFound } from '../../src/k8s/api-error.ts';
import { parseKubeconfig } from '../../src/k8s/kubeconfig.ts';
import { type ApiClient, createApiClient } from '../../src/k8s/rest.ts';
import { type CliResult, istioctl } from './cli.ts';
import { operator } from './documents.ts';

const reason = labUnavailableReason();
const name = 't-install';
const context = 'cluster1';

interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Record<string, string>;
  readonly resourceVersion: string;
  readonly generation: number;
}
interface Thing {
  readonly metadata: Metadata;
  readonly [key: string]: unknown;
}

const NS = '/api/v1/namespaces/istio-system';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/istio-system/deployments';
const MUTATING = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

describe.skipIf(reason)(`install${reason ? ` (${reason})` : ''}`, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'isthmus-t-install-'));
  let kubeconfig = '';
  let api: ApiClient;
  let run: (args: readonly string[], input?: string) => Promise<CliResult>;

  const get = async (path: string): Promise<Thing | undefined> => {
    try {
      return await api.request<Thing>({ path });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  const post = (path: string, body: object) => api.request({ method: 'POST', path, body });
  const patch = (path: string, body: object) =>
    api.request({ method: 'PATCH', path, body, contentType: 'application/strategic-merge-patch+json' });
  const install = async (document: string, ...more: string[]) => {
    const result = await run(
      ['install', `--context=${context}`, '-y', '-f', '-', '--readiness-timeout', '90s', '--no-verify', ...more],
      document,
    );
    return result;
  };
  const succeed = async (document: string, ...more: string[]) => {
    const result = await install(document, ...more);
    expect(result.code, result.stderr).toBe(0);
    expect(result.stdout).toContain('✔ Installation complete');
    return result;
  };
  /** A kubeconfig for an account that may only look. */
  const onlooker = async (): Promise<string> => {
    await post('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'onlooker' } });
    await post('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'onlooker' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'onlooker', namespace: 'default' }],
    });
    const { status } = await api.request<{ status: { token: string } }>({
      method: 'POST',
      path: '/api/v1/namespaces/default/serviceaccounts/onlooker/token',
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
    });
    const config = parse(readFileSync(kubeconfig, 'utf8'));
    for (const user of config.users) user.user = { token: status.token };
    const file = join(scratch, 'onlooker');
    writeFileSync(file, stringify(config));
    return file;
  };

  beforeAll(async () => {
    await labDown(name);
    const plan = await labUp({ name, clusters: 1 });
    kubeconfig = kubeconfigPath(plan.dir);
    const { access } = parseKubeconfig(readFileSync(kubeconfig, 'utf8'), { context, allowFiles: true });
    api = createApiClient({ cluster: context, access: access! });
    run = istioctl(kubeconfig);
  }, 180_000);

  afterAll(async () => {
    api?.[Symbol.dispose]();
    await labDown(name);
    rmSync(scratch, { recursive: true });
  }, 60_000);

  test('bad input lists every problem and applies nothing', async () => {
    const result = await install(operator({ spec: { profil: 'x', hub: 3, revision: 'Not Good' } }));
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain('3 errors; nothing was changed');
    expect(result.stderr).toMatch(/-:\d+: spec\.profil: there is no field profil; did you mean profile\?/);
    expect(await get(NS)).toBeUndefined();
  });

  test('without a terminal and without -y nothing happens', async () => {
    const result = await run(['install', `--context=${context}`]);
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining('-y') });
    expect(await get(NS)).toBeUndefined();
  });

  test('whoever may not install is told which right is missing, and nothing happens', async () => {
    const result = await istioctl(await onlooker())(['install', `--context=${context}`, '-y', '-f', '-'], operator());
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain('may not create customresourcedefinitions.apiextensions.k8s.io at cluster scope');
    expect(result.stderr).toContain('may not patch deployments.apps in namespace istio-system');
    expect(await get(NS)).toBeUndefined();
  });

  test('a dry run changes nothing', async () => {
    const result = await install(operator(), '--dry-run');
    expect(result).toMatchObject({ code: 0, stdout: expect.stringContaining('Dry run complete') });
    expect(await get(NS)).toBeUndefined();
    expect(
      await get('/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gateways.networking.istio.io'),
    ).toBeUndefined();
  });

  test('an installation shows its components, waits for them and names the network of its namespace', async () => {
    const { stdout } = await succeed(operator());
    expect(stdout).toMatch(/✔ Istio core installed.*\n✔ Istiod installed/);
    expect((await get(NS))?.metadata.labels).toMatchObject({ 'topology.istio.io/network': 'network1' });
    expect(await get(`${DEPLOYMENTS}/istiod`)).toMatchObject({ status: { availableReplicas: 1 } });
    // The API types are there and served.
    expect(await get('/apis/networking.istio.io/v1/gateways')).toMatchObject({ items: [] });
  });

  test('a second run changes nothing, and what others write stays', async () => {
    const caBundle = Buffer.from('-----BEGIN CERTIFICATE-----\n').toString('base64');
    const hook = `${MUTATING}/istio-sidecar-injector`;
    await patch(hook, { webhooks: [{ name: 'namespace.sidecar-injector.istio.io', clientConfig: { caBundle } }] });
    await patch(`${DEPLOYMENTS}/istiod`, { spec: { replicas: 2 } });
    const paths = [`${DEPLOYMENTS}/istiod`, hook, `${NS}/services/istiod`, `${NS}/configmaps/istio`];
    const generations = async () => (await Promise.all(paths.map(get))).map((thing) => thing?.metadata.generation);
    const before = await generations();
    const { stdout } = await succeed(operator());
    expect(stdout).not.toContain('Removed');
    expect(await generations()).toEqual(before);
    expect(await get(`${DEPLOYMENTS}/istiod`)).toMatchObject({ spec: { replicas: 2 } });
    const hooks = (await get(hook))?.webhooks as { name: string; clientConfig: { caBundle?: string } }[];
    expect(hooks.find((h) => h.name === 'namespace.sidecar-injector.istio.io')?.clientConfig.caBundle).toBe(caBundle);
    await patch(`${DEPLOYMENTS}/istiod`, { spec: { replicas: 1 } });
  });

  test('what a changed document no longer wants goes; what another document made stays', async () => {
    await post(`${NS}/configmaps`, { metadata: { name: 'istio-ca-root-cert' }, data: { 'root-cert.pem': 'x' } });
    await succeed(operator({ gateways: ['front', 'side'] }));
    await succeed(operator({ name: 'eastwest', profile: 'empty', gateways: ['istio-eastwestgateway'] }));
    expect(await get(`${DEPLOYMENTS}/istiod`)).toBeDefined();
    const { stdout } = await succeed(operator({ gateways: ['front'] }));
    expect(stdout).toContain('Removed Deployment istio-system/side');
    expect(stdout).toContain('Removed Service istio-system/side');
    expect(stdout).not.toContain('eastwest');
    expect(await get(`${DEPLOYMENTS}/side`)).toBeUndefined();
    for (const there of ['front', 'istio-eastwestgateway', 'istiod'])
      expect(await get(`${DEPLOYMENTS}/${there}`)).toBeDefined();
    expect(await get(`${NS}/services/istio-eastwestgateway`)).toBeDefined();
  });

  test('a revision stands beside the default one and is removed alone', async () => {
    const canary = operator({ spec: { revision: 'canary' } }).replaceAll('name: istiod\n', 'name: istiod-canary\n');
    await succeed(canary);
    const pod = {
      metadata: { name: 'meshed', annotations: { 'istio.io/rev': 'canary', 'sidecar.istio.io/status': '{}' } },
      spec: { containers: [{ name: 'a', image: PAUSE_IMAGE }] },
    };
    await post('/api/v1/namespaces/default/pods', pod);
    expect(await get(`${MUTATING}/istio-sidecar-injector-canary`)).toBeDefined();
    const removed = await run(['uninstall', '--revision', 'canary', '-y', '--context', context]);
    expect(removed).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Deployment istio-system/istiod-canary'),
    });
    expect(removed.stderr).toContain('1 pod still has a proxy of it');
    expect(removed.stderr).toContain('default/meshed');
    expect(await get(`${MUTATING}/istio-sidecar-injector-canary`)).toBeUndefined();
    expect(await get(`${DEPLOYMENTS}/istiod`)).toBeDefined();
    expect(await get(`${NS}/serviceaccounts/istio-reader-service-account`)).toBeDefined();
  });

  test('a Deployment that does not get ready is explained', async () => {
    const broken = operator({
      gateways: ['front'],
      pilot: { k8s: { imagePullPolicy: 'Never' } },
      spec: { tag: 'missing' },
    });
    const result = await install(broken, '--readiness-timeout', '8s');
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain('Deployment istio-system/istiod');
    expect(result.stderr).toMatch(/container discovery: waiting \(ErrImageNeverPull/);
    await succeed(operator({ gateways: ['front'] }));
  });

  test('verify-install finds what is missing', async () => {
    await api.request({ method: 'DELETE', path: `${NS}/services/front` });
    const result = await run(['verify-install', '-f', '-', '--context', context], operator({ gateways: ['front'] }));
    expect(result.code).not.toBe(0);
    expect(result.stdout).toContain('✘ Service istio-system/front: it is missing');
    expect(result.stdout).toContain('✔ Deployment istio-system/istiod');
  });

  test('a control plane of another product is not taken over', async () => {
    await patch(`${DEPLOYMENTS}/istiod`, { metadata: { labels: { 'app.kubernetes.io/managed-by': 'Helm' } } });
    const result = await install(operator());
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain('installed by Helm');
    await succeed(operator(), '--force');
  });

  describe('create-remote-secret', () => {
    test('makes the account where it is absent and prints a Secret that works, and no more', async () => {
      for (const path of [
        'serviceaccounts/istio-reader-service-account',
        'secrets/istio-reader-service-account-istio-remote-secret-token',
      ]) {
        if (await get(`${NS}/${path}`)) await api.request({ method: 'DELETE', path: `${NS}/${path}` });
      }
      const { code, stdout, stderr } = await run(['x', 'create-remote-secret', `--context=${context}`, '--name=far']);
      expect(code).toBe(0);
      expect(stderr).toContain('Created ServiceAccount istio-system/istio-reader-service-account');
      const secret = parse(stdout);
      expect(secret.metadata).toMatchObject({
        name: 'istio-remote-secret-far',
        labels: { 'istio/multiCluster': 'true' },
      });
      const { access, problems } = parseKubeconfig(secret.stringData.far);
      expect(problems).toEqual([]);
      using reader = createApiClient({ cluster: 'far', access: access! });
      const may = async (verb: string, resource: string, more: object = {}) => {
        const review = await reader.request<{ status: { allowed: boolean } }>({
          method: 'POST',
          path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
          body: { spec: { resourceAttributes: { verb, resource, ...more } } },
        });
        return review.status.allowed;
      };
      expect(await reader.request({ path: '/api/v1/pods' })).toMatchObject({ kind: 'PodList' });
      expect(await may('create', 'tokenreviews', { group: 'authentication.k8s.io' })).toBe(true);
      expect(await may('list', 'configmaps', { name: 'istio-ca-root-cert' })).toBe(true);
      expect(await may('list', 'configmaps')).toBe(false);
      for (const verb of ['get', 'list', 'watch']) expect(await may(verb, 'secrets')).toBe(false);
      expect(await may('get', 'secrets', { namespace: 'istio-system' })).toBe(false);
      expect(await may('create', 'pods', { namespace: 'default' })).toBe(false);
    });

    test('warns of a server that the other cluster cannot reach, and says which flag helps', async () => {
      const { code, stdout, stderr } = await run([
        'create-remote-secret',
        `--context=${context}`,
        '--name=far',
        '--server=https://127.0.0.1:6443',
      ]);
      expect(code).toBe(0);
      expect(stderr).toContain('--server');
      expect(stdout).toContain('https://127.0.0.1:6443');
    });
  });

  test('uninstall --purge leaves nothing that was installed', async () => {
    const lease = `/apis/coordination.k8s.io/v1/namespaces/istio-system/leases`;
    for (const held of ['istio-namespace-controller-election', 'mine']) await post(lease, { metadata: { name: held } });
    const result = await run(['uninstall', '--purge', '-y', `--context=${context}`]);
    expect(result).toMatchObject({ code: 0, stdout: expect.stringContaining('✔ Uninstall complete') });
    for (const path of [
      `${DEPLOYMENTS}/istiod`,
      `${DEPLOYMENTS}/front`,
      `${DEPLOYMENTS}/istio-eastwestgateway`,
      `${MUTATING}/istio-sidecar-injector`,
    ]) {
      expect(await get(path)).toBeUndefined();
    }
    expect(await get(`${lease}/istio-namespace-controller-election`)).toBeUndefined();
    expect(await get(`${lease}/mine`)).toBeDefined();
    expect(await get(`${NS}/configmaps/istio-ca-root-cert`)).toBeUndefined();
    const again = await run(['uninstall', '--purge', '-y', `--context=${context}`]);
    expect(again.code).toBe(0);
    expect(again.stdout).not.toContain('Deployment');
  });
});
