import { expect, test } from 'vitest';
import type { KubernetesObject } from '../kinds/object.ts';
import { createRemoteSecrets } from './remote-secrets.ts';

function kubeconfig(user = 'token: abc', server = 'https://10.0.0.1:6443'): string {
  return `apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "${server}"}}]
users: [{name: u, user: {${user}}}]
`;
}

function secret(name: string, data: Record<string, string>, created = '2026-01-01T00:00:00Z'): KubernetesObject {
  const encoded = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'istio-system', creationTimestamp: created },
    data: Object.fromEntries(encoded),
  };
}

const open = (allowExec = false) => createRemoteSecrets({ configCluster: 'cluster1', allowExec });

test('a usable secret becomes a cluster named after its key', async () => {
  const secrets = open();
  secrets.apply(secret('istio-remote-secret-cluster2', { cluster2: kubeconfig() }));
  const cluster = secrets.clusters.get('cluster2')!;
  expect(cluster.access.server).toBe('https://10.0.0.1:6443');
  expect(await cluster.access.credential()).toEqual({ authorization: 'Bearer abc' });
  expect(secrets.problems).toEqual([]);
  secrets.remove('istio-system', 'istio-remote-secret-cluster2');
  expect(secrets.clusters.size).toBe(0);
});

test.each([
  ['not YAML', { c2: 'a: [' }, 'kubeconfig-syntax'],
  ['a plugin', { c2: kubeconfig('exec: {command: /bin/evil}') }, 'kubeconfig-exec'],
  ['an auth provider', { c2: kubeconfig('auth-provider: {name: gcp}') }, 'kubeconfig-auth-provider'],
  ['a file', { c2: kubeconfig('tokenFile: /etc/shadow') }, 'kubeconfig-file'],
  ['a key file', { c2: kubeconfig('client-key: /etc/key') }, 'kubeconfig-file'],
  ['no server', { c2: kubeconfig('token: a', '') }, 'kubeconfig-server'],
  ['an odd server', { c2: kubeconfig('token: a', 'file:///etc') }, 'kubeconfig-server'],
  ['this cluster', { cluster1: kubeconfig() }, 'remote-secret-self'],
  ['nothing', {}, 'remote-secret-empty'],
])('a secret with %s is a problem and no cluster, and others stay', (_, data, code) => {
  const secrets = open();
  secrets.apply(secret('good', { good: kubeconfig() }));
  secrets.apply(secret('bad', data));
  expect([...secrets.clusters.keys()]).toEqual(['good']);
  expect(secrets.problems.map((problem) => problem.code)).toContain(code);
  expect(secrets.problems[0]!.object).toEqual({
    cluster: 'cluster1',
    kind: 'Secret',
    namespace: 'istio-system',
    name: 'bad',
  });
  secrets.apply(secret('bad', { c2: kubeconfig() }));
  expect([...secrets.clusters.keys()].sort()).toEqual(['c2', 'good']);
  expect(secrets.problems).toEqual([]);
});

test('a plugin runs only when that is allowed', () => {
  const secrets = open(true);
  secrets.apply(secret('s', { c2: kubeconfig('exec: {command: aws, args: [token]}') }));
  expect(secrets.clusters.has('c2')).toBe(true);
});

test('of two secrets for one cluster the older is used until it goes', () => {
  const secrets = open();
  secrets.apply(secret('new', { c2: kubeconfig('token: new') }, '2026-02-01T00:00:00Z'));
  secrets.apply(secret('old', { c2: kubeconfig('token: old') }, '2026-01-01T00:00:00Z'));
  expect(secrets.clusters.get('c2')!.secret).toBe('istio-system/old');
  expect(secrets.problems).toMatchObject([{ code: 'remote-secret-duplicate', object: { name: 'new' } }]);
  expect(secrets.problems[0]!.message).toContain('istio-system/old');
  secrets.remove('istio-system', 'old');
  expect(secrets.clusters.get('c2')!.secret).toBe('istio-system/new');
  expect(secrets.problems).toEqual([]);
});

test('a broken edit keeps the cluster, and is reported', () => {
  const secrets = open();
  secrets.apply(secret('s', { c2: kubeconfig('token: one') }));
  secrets.apply(secret('s', { c2: 'a: [' }));
  expect(secrets.clusters.get('c2')!.fingerprint).toBe(kubeconfig('token: one'));
  expect(secrets.problems).toMatchObject([{ code: 'kubeconfig-syntax' }]);
  secrets.apply(secret('s', { c2: kubeconfig('token: two') }));
  expect(secrets.clusters.get('c2')!.fingerprint).toBe(kubeconfig('token: two'));
  expect(secrets.problems).toEqual([]);
  secrets.apply(secret('s', { c3: 'a: [' }));
  expect(secrets.clusters.size).toBe(0);
});
