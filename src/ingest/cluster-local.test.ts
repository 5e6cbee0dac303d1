import { expect, test } from 'vitest';
import { clusterLocalRules, isClusterLocal } from './cluster-local.ts';
import { decodeMeshConfig, defaultMeshConfig } from './mesh-config.ts';

const at = (yaml: string | undefined, host: string) => {
  const config = yaml === undefined ? defaultMeshConfig() : decodeMeshConfig(yaml).value!;
  return isClusterLocal(clusterLocalRules(config, 'cluster.local'), host);
};

test.each([
  ['kubernetes.default.svc.cluster.local', true],
  ['kube-dns.kube-system.svc.cluster.local', true],
  ['istiod.istio-system.svc.cluster.local', true],
  ['kubernetes.other.svc.cluster.local', false],
  ['helloworld.sample.svc.cluster.local', false],
])('without settings %s is cluster-local: %s', (host, local) => {
  expect(at(undefined, host)).toBe(local);
});

const settings = `
serviceSettings:
- settings: {clusterLocal: true}
  hosts: ["*.sample.svc.cluster.local"]
- settings: {clusterLocal: false}
  hosts: [shared.sample.svc.cluster.local, "*.kube-system.svc.cluster.local"]
defaultConfig:
  discoveryAddress: pilot.mesh.svc:15012
`;

test.each([
  ['a.sample.svc.cluster.local', true],
  ['shared.sample.svc.cluster.local', false],
  ['kube-dns.kube-system.svc.cluster.local', false],
  ['pilot.mesh.svc.cluster.local', true],
  ['istiod.istio-system.svc.cluster.local', false],
])('settings win over the defaults, the most specific first: %s is cluster-local: %s', (host, local) => {
  expect(at(settings, host)).toBe(local);
});

test('a discovery address outside of the clusters makes nothing local', () => {
  expect(at('defaultConfig: {discoveryAddress: "istiod.example.com:15012"}', 'istiod.example.com')).toBe(false);
});
