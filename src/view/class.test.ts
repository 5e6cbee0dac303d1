import { expect, test } from 'vitest';
import { Graph } from '../graph/graph.ts';
import { createMesh } from '../ingest/mesh.ts';
import type { Proxy as ConnectedProxy } from '../model/proxy.ts';
import { classById, defineClasses } from './class.ts';

const proxy: ConnectedProxy = {
  id: 'sidecar~10.0.0.1~p.n~n.svc.cluster.local',
  type: 'sidecar',
  addresses: ['10.0.0.1'],
  instance: 'p',
  namespace: 'n',
  cluster: 'c',
  network: '',
  serviceAccount: 'default',
  labels: { app: 'a' },
  locality: { region: '', zone: '', subzone: '' },
  node: '',
  domain: 'n.svc.cluster.local',
  version: '',
  istioVersion: '',
  metadata: {},
};

test("a proxy's class follows its pod: labels that change, and a pod that becomes known late", () => {
  const graph = new Graph();
  const mesh = createMesh(graph, { configCluster: 'c' });
  const classes = defineClasses(graph, mesh);
  mesh.apply('c', {
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: { name: 'strict', namespace: 'n' },
    spec: { selector: { matchLabels: { version: 'v2' } }, mtls: { mode: 'STRICT' } },
  });
  classes.proxies.set(proxy.id, proxy);
  const seen: ReturnType<typeof classById>[] = [];
  using _ = graph.observe(classes.classOf, proxy.id, (id) => seen.push(classById(id!)));
  const region = { 'topology.kubernetes.io/region': 'r', 'topology.kubernetes.io/zone': 'z' };
  mesh.apply('c', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node1', labels: region } });
  const pod = (version: string) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', labels: { version, other: version } },
    spec: { nodeName: 'node1', containers: [] },
  });
  mesh.apply('c', pod('v1'));
  mesh.apply('c', pod('v2'));
  expect(seen.map(({ labels, locality }) => [labels.version, locality.region])).toEqual([
    ['v1', 'r'],
    ['v2', 'r'],
  ]);
  // Labels that no selector asks for never reach a class.
  expect(seen[1]!.labels).toEqual({ version: 'v2' });
});
