import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseKubeconfig } from '../k8s/kubeconfig.ts';
import { badClusterName, isLoopback, remoteSecret } from './remote-secret.ts';

it('makes a Secret whose kubeconfig the control plane accepts without plugins and files', async () => {
  const ca = '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n';
  const secret = remoteSecret({
    name: 'cluster2',
    server: 'https://10.1.2.3:6443',
    token: 'tok',
    ca,
    namespace: 'istio-system',
  });
  expect(secret.metadata).toMatchObject({
    name: 'istio-remote-secret-cluster2',
    labels: { 'istio/multiCluster': 'true' },
    annotations: { 'networking.istio.io/cluster': 'cluster2' },
  });
  const text = (secret.stringData as Record<string, string>).cluster2!;
  const { access, problems } = parseKubeconfig(text);
  expect(problems).toEqual([]);
  expect(access).toMatchObject({ server: 'https://10.1.2.3:6443', tls: { ca, insecure: false } });
  expect(await access!.credential()).toEqual({ authorization: 'Bearer tok' });
  expect(parse(text)).toHaveProperty('current-context', 'cluster2');
});

describe('isLoopback', () => {
  it.each([
    'https://127.0.0.1:6443',
    'https://127.8.8.8',
    'https://localhost:1',
    'https://[::1]:6443',
    'https://0.0.0.0:6443',
    'https://a.localhost',
  ])('%s', (server) => {
    expect(isLoopback(server)).toBe(true);
  });
  it.each(['https://10.0.0.1:6443', 'https://api.example.com', 'https://[fd00::1]:6443', 'nonsense'])(
    'not %s',
    (server) => {
      expect(isLoopback(server)).toBe(false);
    },
  );
});

it('accepts names that can stand in a DNS name and in a Secret key', () => {
  expect(['cluster1', 'a', 'eu.west-1'].map(badClusterName)).toEqual([undefined, undefined, undefined]);
  for (const name of ['', 'Cluster', 'a b', 'a/b', '-a', 'x'.repeat(201)])
    expect(badClusterName(name)).toContain('cannot name a cluster');
});
