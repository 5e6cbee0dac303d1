import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { NodeSchema } from '../gen/envoy/config/core/v3/base_pb.js';
import { Graph } from '../graph/graph.ts';
import { createMesh } from '../ingest/mesh.ts';
import { proxyName, proxyOfNode } from './node.ts';

const mesh = createMesh(new Graph(), { configCluster: 'c1' });
mesh.setCluster('c2', { network: 'net2', synced: true });
mesh.apply('c2', {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'n', labels: { app: 'real' } },
  spec: { nodeName: 'node1', serviceAccountName: 'sa', containers: [] },
});
mesh.apply('c2', {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node1', labels: { 'topology.kubernetes.io/region': 'r', 'topology.kubernetes.io/zone': 'z' } },
});

const read = (init: MessageInitShape<typeof NodeSchema>, serviceAccount?: string) =>
  proxyOfNode({
    node: create(NodeSchema, init),
    mesh,
    configCluster: 'c1',
    ...(serviceAccount ? { serviceAccount } : {}),
  });

test('reads id and metadata, and prefers what the mesh knows of the pod', () => {
  const proxy = read({
    id: 'router~10.0.0.1~p.n~n.svc.cluster.local',
    metadata: {
      CLUSTER_ID: 'c2',
      NAMESPACE: 'n',
      LABELS: { app: 'claimed', extra: 'x' },
      INSTANCE_IPS: '10.0.0.1,fd00::1',
      ISTIO_VERSION: '1.28.0',
    },
    userAgentVersionType: {
      case: 'userAgentBuildVersion',
      value: { version: { majorNumber: 1, minorNumber: 40, patch: 2 } },
    },
  });
  expect(proxy).toMatchObject({
    type: 'router',
    addresses: ['10.0.0.1', 'fd00::1'],
    cluster: 'c2',
    network: 'net2',
    serviceAccount: 'sa',
    labels: { app: 'real', extra: 'x' },
    locality: { region: 'r', zone: 'z', subzone: '' },
    node: 'node1',
    version: '1.40.2',
    istioVersion: '1.28.0',
  });
  expect(proxyName(proxy)).toBe('p.n');
});

test('a pod name with dots, and a proven account', () => {
  const proxy = read(
    { id: 'sidecar~10.0.0.1~a.b.n~n.svc.cluster.local', metadata: { SERVICE_ACCOUNT: 'claimed' } },
    'proven',
  );
  expect(proxy).toMatchObject({ instance: 'a.b', namespace: 'n', cluster: 'c1', serviceAccount: 'proven' });
});

test.each(['', 'x', 'sidecar~1.1.1.1', 'ztunnel~1.1.1.1~p.n~d', 'sidecar~~p.n~d', 'sidecar~1.1.1.1~p.n~d~more'])(
  '%j is no node id',
  (id) => {
    expect(() => read({ id })).toThrow(/is not of the form/);
  },
);

test("the metadata's namespace goes before the id's", () => {
  const id = 'sidecar~192.0.2.2~test-1.default~default.svc.cluster.local';
  expect(read({ id, metadata: { NAMESPACE: 'istio-system' } })).toMatchObject({ namespace: 'istio-system' });
  expect(read({ id })).toMatchObject({ namespace: 'default' });
});
