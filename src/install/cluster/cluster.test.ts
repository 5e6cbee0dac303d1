// What is decided about a cluster, with an API server of plain values. The real one is in conformance/install.
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/clock.ts';
import { generate } from '../generate.ts';
import type { Manifest } from '../json.ts';
import { resolve } from '../resolve.ts';
import { withDefaultRevision } from './default-revision.ts';
import { type FakeApi, fakeApi } from './fake-api.testkit.ts';
import { joined } from './joined.ts';
import { preflight } from './preflight.ts';
import { readerCredential } from './reader.ts';
import { renamed } from './renamed.ts';
import { missing, waitReady } from './wait.ts';

const REVIEWS = 'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
const HOOKS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const ISTIOD = '/apis/apps/v1/namespaces/istio-system/deployments/istiod';

function wanted(...sets: string[]) {
  const { installation, problems } = resolve({ files: [], sets });
  if (!installation) throw new Error(JSON.stringify(problems));
  return { installation, components: generate({ installation, crds: [] }).components };
}

type Review = { spec: { resourceAttributes: { verb: string; resource: string; namespace: string } } };
const allow = (may: (a: Review['spec']['resourceAttributes']) => boolean) => ({
  [REVIEWS]: ({ body }: { body?: unknown }) => ({ status: { allowed: may((body as Review).spec.resourceAttributes) } }),
});
const version = (minor: string) => ({ '/version': { major: '1', minor, gitVersion: `v1.${minor}.0` } });

describe('preflight', () => {
  it('lets a cluster pass that has the version and the rights', async () => {
    const api = fakeApi({ ...version('34+'), ...allow(() => true) });
    expect(await preflight({ api, ...wanted() })).toEqual([]);
  });
  it('refuses a remote cluster whose name its webhooks cannot carry, before it asks anything', async () => {
    const remote = ['profile=remote', 'values.global.remotePilotAddress=10.0.0.3'];
    const api = fakeApi({ ...version('34'), ...allow(() => true) });
    const check = (...sets: string[]) => preflight({ api, ...wanted(...remote, ...sets) });
    expect(await check()).toEqual([expect.stringMatching(/clusterName is missing: .*create-remote-secret --name/)]);
    const named = 'values.global.multiCluster.clusterName';
    expect(await check(`${named}=East`)).toEqual([expect.stringContaining('clusterName is "East"')]);
    expect(await check(`${named}=c2`, 'values.global.network=Net_1')).toEqual([
      expect.stringMatching(/^values\.global\.network: "Net_1"/),
    ]);
    expect(api.asked).toEqual([]);
    expect(await check(`${named}=c2`, 'values.global.network=n1')).toEqual([]);
  });
  it('refuses an old version before it asks anything else', async () => {
    const api = fakeApi(version('27'));
    expect(await preflight({ api, ...wanted() })).toEqual([expect.stringContaining('v1.27.0 is too old')]);
    expect(api.asked).toEqual(['GET /version']);
  });
  it('names each missing right with verb, resource and place', async () => {
    const api = fakeApi({
      ...version('34'),
      ...allow(
        ({ verb, resource }) => !(resource === 'clusterroles' && verb === 'create') && resource !== 'deployments',
      ),
    });
    expect(await preflight({ api, ...wanted('profile=minimal') })).toEqual([
      expect.stringContaining('You may not create clusterroles.rbac.authorization.k8s.io at cluster scope'),
      expect.stringContaining('You may not create deployments.apps in namespace istio-system'),
      expect.stringContaining('You may not patch deployments.apps in namespace istio-system'),
    ]);
  });
  it("does not take over another product's control plane", async () => {
    const theirs = { metadata: { labels: { 'app.kubernetes.io/managed-by': 'Helm' } } };
    const api = fakeApi({ ...version('34'), ...allow(() => true), [ISTIOD]: theirs });
    expect(await preflight({ api, ...wanted() })).toEqual([expect.stringContaining('was installed by Helm')]);
    expect(await preflight({ api, ...wanted('revision=canary') })).toEqual([]);
  });
});

describe('renamed', () => {
  const INJECTOR = '/api/v1/namespaces/istio-system/configmaps/istio-sidecar-injector';
  const configMap = (...sets: string[]) =>
    wanted(...sets)
      .components.flatMap(({ objects }) => objects)
      .find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'istio-sidecar-injector');
  const named = ['values.global.multiCluster.clusterName=cluster1', 'values.global.network=network1'];

  it('names what a forgotten document would change', async () => {
    const api = fakeApi({ [INJECTOR]: configMap(...named) });
    expect(await renamed({ api, ...wanted() })).toEqual([
      expect.stringMatching(/clusterName changes from "cluster1" to "Kubernetes".*-f/),
      expect.stringContaining('values.global.network changes from "network1" to ""'),
    ]);
  });
  it('is silent when nothing changes, at the first time, and for a gateway', async () => {
    const installed = { [INJECTOR]: configMap(...named) };
    expect(await renamed({ api: fakeApi(installed), ...wanted(...named) })).toEqual([]);
    expect(await renamed({ api: fakeApi({}), ...wanted(...named) })).toEqual([]);
    const gateway = wanted(
      'profile=empty',
      'components.ingressGateways[0].name=gw',
      'components.ingressGateways[0].enabled=true',
    );
    expect(await renamed({ api: fakeApi(installed), ...gateway })).toEqual([]);
  });
});

describe('missing', () => {
  const deployment = (status: object, replicas = 2): Manifest =>
    ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'a', generation: 3 },
      spec: { replicas },
      status,
    }) as unknown as Manifest;
  it.each([
    ['not seen', { observedGeneration: 2 }, /not seen/],
    [
      'old pods',
      { observedGeneration: 3, updatedReplicas: 1, replicas: 2, availableReplicas: 2 },
      /1 of 2 pods updated/,
    ],
    ['stopping', { observedGeneration: 3, updatedReplicas: 2, replicas: 3, availableReplicas: 2 }, /1 old pods/],
    [
      'not ready',
      { observedGeneration: 3, updatedReplicas: 2, replicas: 2, availableReplicas: 1 },
      /1 of 2 pods ready/,
    ],
  ])('%s', (_name, status, text) => {
    expect(missing(deployment(status))).toMatch(text);
  });
  it('nothing when all is updated and available', () => {
    expect(
      missing(deployment({ observedGeneration: 3, updatedReplicas: 2, replicas: 2, availableReplicas: 2 })),
    ).toBeUndefined();
    expect(missing(deployment({ observedGeneration: 3 }, 0))).toBeUndefined();
    expect(missing(undefined)).toBe('not there yet');
  });
});

/** Lets everything that is due happen until the promise is settled. */
async function settle<T>(promise: Promise<T>, clock: ManualClock): Promise<T> {
  let done = false;
  promise.then(
    () => (done = true),
    () => (done = true),
  );
  while (!done) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(250);
  }
  return promise;
}

it('waitReady says what it waits for once for each change, and explains a timeout', async () => {
  const clock = new ManualClock();
  const said: string[] = [];
  const object = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'istiod', namespace: 'istio-system', generation: 1 },
    spec: { replicas: 1 },
  };
  const api = fakeApi({
    [ISTIOD]: {
      ...object,
      status: {
        observedGeneration: 1,
        conditions: [{ type: 'Available', status: 'False', message: 'no minimum availability' }],
      },
    },
    '/api/v1/namespaces/istio-system/pods': { items: [] },
    '/api/v1/namespaces/istio-system/events': { items: [{ reason: 'FailedCreate', message: 'quota exceeded' }] },
  });
  const waiting = waitReady({ api, objects: [object], timeoutMs: 3000, clock, onWaiting: (what) => said.push(what) });
  await expect(settle(waiting, clock)).rejects.toThrow(
    /istio-system\/istiod: no minimum availability.*quota exceeded.*--readiness-timeout/s,
  );
  expect(said).toEqual(['istiod (0 of 1 pods updated)']);
});

describe('joined', () => {
  const component = (name: 'Pilot' | 'IstiodRemote', ...sets: string[]) => {
    const { installation, components } = wanted(...sets);
    return { installation, component: components.find((c) => c.name === name)! };
  };
  const remote = [
    'profile=remote',
    'values.global.remotePilotAddress=10.0.0.1',
    'values.global.multiCluster.clusterName=cluster2',
  ];
  const hook = (caBundle?: string) => ({ webhooks: [{ clientConfig: { caBundle } }] });
  const token = '/api/v1/namespaces/istio-system/secrets/istio-reader-service-account-istio-remote-secret-token';

  it('is settled when every webhook has a certificate authority', async () => {
    const api = fakeApi({ [`${HOOKS}/istio-sidecar-injector`]: hook('x') });
    expect(await joined({ api, ...component('Pilot'), timeoutMs: 0 })).toBeUndefined();
  });
  it('does not wait for a remote cluster that nobody can read yet, and says what to do', async () => {
    const clock = new ManualClock();
    const api = fakeApi({ [`${HOOKS}/istio-sidecar-injector`]: hook() }, 'ctx2');
    const hint = await joined({ api, ...component('IstiodRemote', ...remote), timeoutMs: 60_000, clock });
    expect(hint).toContain('istioctl create-remote-secret --context=ctx2 --name=cluster2');
  });
  it('waits for one that can be read', async () => {
    const clock = new ManualClock();
    let asked = 0;
    const api = fakeApi({
      [token]: {},
      [`${HOOKS}/istio-sidecar-injector`]: () => hook(++asked > 2 ? 'x' : undefined),
    });
    const waiting = joined({ api, ...component('IstiodRemote', ...remote), timeoutMs: 60_000, clock });
    expect(await settle(waiting, clock)).toBeUndefined();
    expect(asked).toBe(3);
  });
});

describe('withDefaultRevision', () => {
  const decide = async (sets: string[], hooks: Record<string, unknown>) => {
    const { installation } = wanted(...sets);
    const api: FakeApi = fakeApi(
      Object.fromEntries(Object.entries(hooks).map(([name, hook]) => [`${HOOKS}/${name}`, hook])),
    );
    return (await withDefaultRevision({ api, installation })).values.revisionTags;
  };
  const owned = (revision: string) => ({ metadata: { labels: { 'istio.io/rev': revision } } });
  it('tags the first named revision of a cluster, and again on every later run', async () => {
    expect(await decide(['revision=a'], {})).toEqual(['default']);
    expect(await decide(['revision=a'], { 'istio-revision-tag-default': owned('a') })).toEqual(['default']);
  });
  it('leaves the default where it is', async () => {
    expect(await decide(['revision=b'], { 'istio-revision-tag-default': owned('a') })).toBeUndefined();
    expect(await decide(['revision=b'], { 'istio-sidecar-injector': owned('default') })).toBeUndefined();
    expect(await decide([], {})).toBeUndefined();
    expect(await decide(['revision=b', 'profile=empty'], {})).toBeUndefined();
  });
});

describe('readerCredential', () => {
  const account = '/api/v1/namespaces/istio-system/serviceaccounts/istio-reader-service-account';
  const secret = '/api/v1/namespaces/istio-system/secrets/istio-reader-service-account-istio-remote-secret-token';
  const role = '/apis/rbac.authorization.k8s.io/v1/clusterroles/istio-reader-clusterrole-istio-system';
  const binding = role.replace('clusterroles', 'clusterrolebindings');
  const all = { [account]: {}, [role]: {}, [binding]: {} };
  const b64 = (text: string) => Buffer.from(text).toString('base64');

  it('waits until the cluster has filled the token Secret, and touches nothing that is there', async () => {
    const clock = new ManualClock();
    let asked = 0;
    const type = 'kubernetes.io/service-account-token';
    const api = fakeApi({
      ...all,
      [secret]: () => ({ type, data: ++asked > 3 ? { token: b64('tok'), 'ca.crt': b64('PEM') } : {} }),
    });
    const got = await settle(readerCredential({ api, namespace: 'istio-system', clock }), clock);
    expect(got).toEqual({ token: 'tok', ca: 'PEM', created: [] });
    expect(api.asked.filter((label) => !label.startsWith('GET'))).toEqual([]);
  });
  it('adds the rights that are missing, but never to an account of the user', async () => {
    const filled = { type: 'kubernetes.io/service-account-token', data: { token: b64('t'), 'ca.crt': b64('c') } };
    const none = fakeApi({
      [account]: {},
      '/api/v1/namespaces/istio-system': {},
      [`PATCH ${role}`]: {},
      [`PATCH ${binding}`]: {},
      [secret]: filled,
    });
    expect((await readerCredential({ api: none, namespace: 'istio-system' })).created).toEqual([
      'ClusterRole istio-reader-clusterrole-istio-system',
      'ClusterRoleBinding istio-reader-clusterrole-istio-system',
    ]);
    const own = fakeApi({
      '/api/v1/namespaces/istio-system/serviceaccounts/mine': {},
      '/api/v1/namespaces/istio-system/secrets/mine-istio-remote-secret-token': filled,
    });
    expect((await readerCredential({ api: own, namespace: 'istio-system', account: 'mine' })).created).toEqual([]);
  });
  it('refuses a Secret of another type, and gives up when no token comes', async () => {
    const clock = new ManualClock();
    const opaque = fakeApi({ ...all, [secret]: { type: 'Opaque' } });
    await expect(readerCredential({ api: opaque, namespace: 'istio-system', clock })).rejects.toThrow(/--secret-name/);
    const never = fakeApi({ ...all, [secret]: { type: 'kubernetes.io/service-account-token' } });
    await expect(settle(readerCredential({ api: never, namespace: 'istio-system', clock }), clock)).rejects.toThrow(
      /has not put a token/,
    );
  });
});
