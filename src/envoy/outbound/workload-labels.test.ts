// A pod's labels reach callers with its endpoint: those that metrics name are sent again when they change, no others.
import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { ClusterLoadAssignmentSchema } from '../../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { createWorld, served, testProxy, type World } from '../testing/world.ts';

const NAME = 'outbound|80||helloworld.sample.svc.cluster.local';
const CALLER = testProxy({ namespace: 'sample' });

function pod(version: string, labels: Record<string, string> = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `helloworld-${version}-abc-x`,
      namespace: 'sample',
      labels: { app: 'helloworld', version, 'pod-template-hash': 'abc', ...labels },
      ownerReferences: [{ kind: 'ReplicaSet', name: `helloworld-${version}-abc`, controller: true }],
    },
    spec: { nodeName: 'node' },
    status: { podIP: `10.1.0.${version.slice(1)}`, phase: 'Running' },
  };
}

function fill(world: World): void {
  for (const [cluster, version] of [
    ['cluster1', 'v1'],
    ['cluster2', 'v2'],
  ] as const) {
    world.mesh.setCluster(cluster, { network: '', synced: true });
    for (const object of [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'helloworld', namespace: 'sample' },
        spec: { clusterIP: '10.96.0.1', selector: { app: 'helloworld' }, ports: [{ name: 'http', port: 80 }] },
      },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 's', namespace: 'sample', labels: { 'kubernetes.io/service-name': 'helloworld' } },
        addressType: 'IPv4',
        ports: [{ name: 'http', port: 80 }],
        endpoints: [
          {
            addresses: [`10.1.0.${version.slice(1)}`],
            conditions: { ready: true },
            targetRef: { kind: 'Pod', name: `helloworld-${version}-abc-x` },
          },
        ],
      },
      pod(version),
    ]) {
      world.mesh.apply(cluster, object);
    }
  }
}

function hostnames({ graph, classes, types }: World): string[] {
  const id = classes.classify(CALLER);
  for (const part of types.flatMap(({ parts }) => parts)) {
    if (part.name !== 'endpoints') continue;
    const found = graph.read(part.get, { scope: graph.read(part.scope, id), name: NAME });
    const { endpoints } = fromBinary(ClusterLoadAssignmentSchema, found!.body);
    return endpoints.flatMap(({ lbEndpoints }) =>
      lbEndpoints.map(({ hostIdentifier }) =>
        hostIdentifier.case === 'endpoint' ? hostIdentifier.value.hostname : '',
      ),
    );
  }
  return [];
}

describe('labels of the pods behind a service', () => {
  const world = createWorld({ audit: true });
  fill(world);
  const first = served(world, CALLER, [NAME]);

  it('are said as shortly as the service allows; clusters other than the first are named', () =>
    expect(hostnames(world)).toEqual(['-v1', '-v2@cluster2']));

  it('change nothing when no metric names them', () => {
    world.mesh.apply('cluster2', pod('v2', { team: 'a' }));
    expect(served(world, CALLER, [NAME])).toEqual(first);
  });

  it('change the endpoints and nothing else when a metric does', () => {
    world.mesh.apply('cluster2', pod('v2', { version: 'v3' }));
    expect(hostnames(world)).toEqual(['-v1', 'helloworld-v2;v3;helloworld@cluster2']);
    const now = served(world, CALLER, [NAME]);
    expect(Object.keys(now).filter((key) => now[key] !== first[key])).toEqual([`ClusterLoadAssignment ${NAME}`]);
    expect(Object.keys(now)).toEqual(Object.keys(first));
  });
});
