import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { cniConfig, containerdConfig } from './containerd.ts';
import { dnsObjects } from './dns.ts';
import { kubeletConfig, storageProcesses } from './kubernetes.ts';
import { nodeRules } from './network.ts';
import { createPki } from './pki.ts';
import { planLab } from './plan.ts';

const plan = planLab({ name: 'dev', clusters: 2 }, { labsDir: '/labs', inUse: [] });
const cluster = plan.clusters[1]!;

describe('certificates', async () => {
  const pki = await createPki(cluster, new Date('2026-01-02T00:00:00Z'));
  const ca = new X509Certificate(pki.ca.certificate);

  test('all are signed by the CA and match their keys', () => {
    for (const pair of [pki.apiserver, pki.kubelet, ...Object.values(pki.users)]) {
      const certificate = new X509Certificate(pair.certificate);
      expect(certificate.verify(ca.publicKey)).toBe(true);
      expect(certificate.checkIssued(ca)).toBe(true);
    }
    expect(ca.ca).toBe(true);
  });

  test('servers are known by every name that clients use', () => {
    const server = new X509Certificate(pki.apiserver.certificate);
    for (const address of ['127.0.0.1', cluster.address, cluster.apiServiceAddress])
      expect(server.checkIP(address)).toBe(address);
    expect(server.checkHost('kubernetes.default.svc')).toBeDefined();
    expect(new X509Certificate(pki.kubelet.certificate).checkIP(cluster.address)).toBe(cluster.address);
  });

  test('users have the identities that Kubernetes authorises', () => {
    expect(new X509Certificate(pki.users.admin.certificate).subject).toBe('O=system:masters\nCN=kubernetes-admin');
    expect(new X509Certificate(pki.kubelet.certificate).subject).toBe('O=system:nodes\nCN=system:node:node2');
  });
});

test('nothing of a cluster lies outside its own directory and namespaces', () => {
  const texts = [
    containerdConfig(cluster, { snapshotter: 'native' }),
    JSON.stringify(cniConfig(cluster, { bridge: true })),
    ...storageProcesses(cluster, '/bin/kubelab').map(({ command }) => command.join(' ')),
  ];
  for (const text of texts) {
    for (const [path] of text.matchAll(/\/(?:labs|var|run|etc)\/[\w/.-]*/g)) expect(path).toMatch(/^\/labs\/dev\/c2\//);
  }
});

test("pods get the cluster's DNS and a cgroup parent of the lab", () => {
  expect(kubeletConfig(cluster, { socket: '/s' })).toMatchObject({
    clusterDNS: [cluster.dnsServiceAddress],
    cgroupRoot: '/isthmus-dev-2',
  });
  const service = dnsObjects(cluster).find(({ object }) => object.metadata.name === 'kube-dns')?.object;
  expect(service).toMatchObject({ spec: { clusterIP: cluster.dnsServiceAddress } });
});

test('without filtered bridges each pod is routed', () => {
  expect(cniConfig(cluster, { bridge: false })).toMatchObject({ plugins: [{ type: 'ptp' }, { type: 'portmap' }] });
});

test('the node refuses unused LoadBalancer addresses and everything outside the lab', () => {
  const rules = nodeRules(plan, cluster);
  expect(rules).toContain(`ip daddr ${cluster.loadBalancerCidr} meta l4proto tcp reject with tcp reset`);
  expect(rules).toContain(`ip daddr != { ${plan.network}, ${plan.podCidr}, ${plan.serviceCidr} } reject`);
});
