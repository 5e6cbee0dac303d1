// What a leader keeps right in every cluster: roots in namespaces, caBundles in webhook configurations.
import { expect, test } from 'vitest';
import { failure, reply, type ScriptedServer, type Step, scriptedServer } from '../k8s/api-server.testkit.ts';
import { ManualClock } from '../lib/clock.ts';
import { createCaBundles } from './ca-bundles.ts';
import { createLogs } from './log.ts';
import { createMetrics } from './metrics.ts';
import { createRootPublisher } from './root-publisher.ts';

const namespace = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, ...more },
});
const configMap = (ns: string, pem: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'istio-ca-root-cert', namespace: ns },
  data: { 'root-cert.pem': pem },
});

async function setup(steps: Step[]) {
  const server = await scriptedServer(steps);
  const clock = new ManualClock();
  const metrics = createMetrics();
  let root = 'ROOT';
  const options = {
    root: () => root,
    client: (cluster: string) => (cluster === 'gone' ? undefined : server.client),
    clock,
    metrics,
    log: createLogs({ write: () => {} }).scope('test'),
  };
  return { server, clock, metrics, options, setRoot: (pem: string) => (root = pem) };
}

const settle = async (server: ScriptedServer, n: number): Promise<void> => {
  await server.seen(n);
  // Whatever else would have been asked has been by now.
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(server.requests).toHaveLength(n);
};

test('roots: created, corrected, left alone where right, and never by one who does not lead', async () => {
  const { server, options } = await setup([reply({})]);
  await using _ = server;
  using roots = createRootPublisher(options);
  const term = new AbortController();
  roots.apply('c1', namespace('new'));
  roots.apply('c1', namespace('wrong'));
  roots.apply('c1', configMap('wrong', 'OLD'));
  roots.apply('c1', namespace('right'));
  roots.apply('c1', configMap('right', 'ROOT'));
  roots.apply('c1', namespace('leaving', { deletionTimestamp: '2026-01-01T00:00:00Z' }));
  await settle(server, 0);
  roots.lead(term.signal);
  await settle(server, 2);
  expect(server.requests.toSorted()).toEqual([
    'PATCH /api/v1/namespaces/wrong/configmaps/istio-ca-root-cert',
    'POST /api/v1/namespaces/new/configmaps',
  ]);
  roots.remove('c1', { kind: 'ConfigMap', namespace: 'right', name: 'istio-ca-root-cert' });
  await settle(server, 3);
  term.abort();
  roots.remove('c1', { kind: 'ConfigMap', namespace: 'wrong', name: 'istio-ca-root-cert' });
  await settle(server, 3);
});

test('roots: a new root is written everywhere, a failure is tried again later', async () => {
  const { server, options, clock, metrics, setRoot } = await setup([failure(500, 'InternalError'), reply({})]);
  await using _ = server;
  using roots = createRootPublisher(options);
  roots.lead(new AbortController().signal);
  roots.apply('c1', namespace('a'));
  await settle(server, 1);
  expect((await metrics.rootsWritten.get()).values).toMatchObject([
    { labels: { cluster: 'c1', result: 'error' }, value: 1 },
  ]);
  clock.advance(60_000);
  await settle(server, 2);
  roots.apply('c1', configMap('a', 'ROOT'));
  setRoot('NEW');
  roots.refresh();
  await settle(server, 3);
  expect(server.requests[2]).toMatch(/^PATCH .*\/a\/configmaps/);
});

const validating = (failurePolicy: string, caBundle: string) => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name: 'v' },
  webhooks: [
    {
      name: 'rev.validation.istio.io',
      failurePolicy,
      clientConfig: { caBundle: Buffer.from(caBundle).toString('base64') },
    },
    { name: 'somebody.else.io', failurePolicy: 'Ignore', clientConfig: {} },
  ],
});

test('webhooks: the bundle first, then the policy, but only once the webhook refuses what is wrong', async () => {
  const denied = reply(
    { kind: 'Status', code: 400, message: 'admission webhook "rev.validation.istio.io" denied the request: no' },
    400,
  );
  const { server, options, clock } = await setup([reply({}), reply({}), denied, reply({})]);
  await using _ = server;
  using bundles = createCaBundles({ ...options, configCluster: 'c1', namespace: 'istio-system' });
  bundles.lead(new AbortController().signal);
  bundles.apply('c1', validating('Ignore', 'OLD'));
  await settle(server, 1);
  expect(server.requests[0]).toBe('PATCH /apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/v');
  // Accepted a wrong Gateway: nobody asked the webhook.
  bundles.apply('c1', validating('Ignore', 'ROOT'));
  await settle(server, 2);
  expect(server.requests[1]).toBe('POST /apis/networking.istio.io/v1/namespaces/istio-system/gateways?dryRun=All');
  clock.advance(60_000);
  await settle(server, 4);
  expect(server.requests[3]).toMatch(/^PATCH .*\/v$/);
  bundles.apply('c1', validating('Fail', 'ROOT'));
  await settle(server, 4);
});

test('webhooks: in other clusters only the bundle is written', async () => {
  const { server, options } = await setup([reply({})]);
  await using _ = server;
  using bundles = createCaBundles({ ...options, configCluster: 'c1', namespace: 'istio-system' });
  bundles.lead(new AbortController().signal);
  bundles.apply('c2', validating('Ignore', 'ROOT'));
  bundles.apply('gone', validating('Ignore', 'OLD'));
  await settle(server, 0);
});
