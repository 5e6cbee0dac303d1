// Objects of several clusters become one mesh.
import { describe, expect, test } from 'vitest';
import { Graph } from '../graph/graph.ts';
import type { KubernetesObject } from '../kinds/object.ts';
import { fullHost, hostNamespace, mostSpecific } from './hosts.ts';
import { createMesh, type Mesh } from './mesh.ts';
import { portProtocol } from './protocol.ts';
import { isVisible, visibilityOf } from './visibility.ts';

const newMesh = (): Mesh => createMesh(new Graph({ audit: true }), { configCluster: 'c1' });
const read = (mesh: Mesh) => mesh.graph.read.bind(mesh.graph);

const service = (spec: object, meta: object = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'hello', namespace: 'sample', ...meta },
  spec: { ports: [{ name: 'http', port: 80 }], ...spec },
});
const slice = (name: string, addresses: string[], more: object = {}): KubernetesObject => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, namespace: 'sample', labels: { 'kubernetes.io/service-name': 'hello' } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080 }],
  endpoints: addresses.map((a) => ({ addresses: [a], conditions: { ready: true }, ...more })),
});
const ID = 'sample/hello.sample.svc.cluster.local';

describe('protocols', () => {
  test.each([
    ['http', '', 'TCP', 80, 'http'],
    ['http-admin', '', 'TCP', 80, 'http'],
    ['HTTP2-x', '', 'TCP', 80, 'http2'],
    ['grpc', '', 'TCP', 80, 'grpc'],
    ['grpc-web', '', 'TCP', 80, 'grpc-web'],
    ['grpc-web-x', '', 'TCP', 80, 'grpc-web'],
    ['https', '', 'TCP', 443, 'https'],
    ['httpx', '', 'TCP', 80, 'auto'],
    ['', '', 'TCP', 80, 'auto'],
    ['', '', 'TCP', 3306, 'tcp'],
    ['foo', '', 'TCP', 3306, 'tcp'],
    ['dns', '', 'UDP', 53, 'udp'],
    ['tcp', 'kubernetes.io/h2c', 'TCP', 80, 'http2'],
    ['tcp', 'kubernetes.io/wss', 'TCP', 80, 'https'],
    ['tcp', 'http', 'TCP', 80, 'http'],
    ['http', 'example.com/own', 'TCP', 80, 'auto'],
  ] as const)('port %j, appProtocol %j, %s %d: %s', (name, appProtocol, transport, port, expected) => {
    expect(portProtocol({ name, appProtocol, transport, port })).toBe(expected);
  });
});

describe('hosts', () => {
  test('short names belong to the namespace of their object', () => {
    expect(fullHost('a', 'n', 'cluster.local')).toBe('a.n.svc.cluster.local');
    expect(fullHost('a.example.com', 'n', 'cluster.local')).toBe('a.example.com');
    expect(fullHost('*', 'n', 'cluster.local')).toBe('*');
    expect(hostNamespace('a.n.svc.cluster.local', 'cluster.local')).toBe('n');
    expect(hostNamespace('a.example.com', 'cluster.local')).toBe('');
  });
  test('the most specific pattern wins', () => {
    expect(mostSpecific(['*', '*.com', '*.example.com'], 'a.example.com')).toBe('*.example.com');
    expect(mostSpecific(['*.example.com', 'a.example.com'], 'a.example.com')).toBe('a.example.com');
    expect(mostSpecific(['*.org'], 'a.example.com')).toBeUndefined();
  });
  test('visibility', () => {
    expect(isVisible(visibilityOf([], 'n', ['*']), '')).toBe(true);
    expect(isVisible(visibilityOf([], 'n', ['.']), '')).toBe(false);
    expect(isVisible(visibilityOf(['.'], 'n', ['*']), 'n')).toBe(true);
    expect(isVisible(visibilityOf(['~'], 'n', ['*']), 'n')).toBe(false);
    expect(isVisible(visibilityOf(['a', 'b'], 'n', ['*']), 'n')).toBe(false);
  });
});

test('an endpoint whose pod is not known yet waits for it: nobody can say what it speaks', () => {
  const mesh = newMesh();
  const addresses = () => read(mesh)(mesh.endpoints, { service: ID, port: 80 }).map((e) => `${e.address} ${e.tlsMode}`);
  mesh.apply('c1', service({ clusterIP: '10.0.0.1' }));
  mesh.apply(
    'c1',
    slice('hello-a', ['10.1.0.1'], { targetRef: { kind: 'Pod', name: 'hello-1', namespace: 'sample' } }),
  );
  expect(addresses()).toEqual([]);
  const labels = { 'security.istio.io/tlsMode': 'istio' };
  mesh.apply('c1', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'hello-1', namespace: 'sample', labels } });
  expect(addresses()).toEqual(['10.1.0.1 istio']);
});

describe('services of one name in two clusters', () => {
  test('are one service with the addresses and endpoints of both', () => {
    const mesh = newMesh();
    mesh.apply('c1', service({ clusterIPs: ['10.0.0.1'], selector: { app: 'x' } }));
    mesh.apply(
      'c2',
      service({
        clusterIPs: ['10.9.0.1'],
        ports: [
          { name: 'http', port: 80 },
          { name: 'tcp', port: 90 },
        ],
      }),
    );
    mesh.apply('c1', slice('a', ['1.1.1.1']));
    mesh.apply('c2', slice('b', ['2.2.2.2']));
    const found = read(mesh)(mesh.service, ID)!;
    expect(found).toMatchObject({
      clusters: ['c1', 'c2'],
      addresses: { c1: ['10.0.0.1'], c2: ['10.9.0.1'] },
      selectors: { c1: { app: 'x' } },
      resolution: 'static',
    });
    expect(found.ports.map((p) => p.port)).toEqual([80, 90]);
    const endpoints = read(mesh)(mesh.endpoints, { service: ID, port: 80 });
    expect(endpoints.map((e) => `${e.cluster} ${e.address}:${e.port}`)).toEqual(['c1 1.1.1.1:8080', 'c2 2.2.2.2:8080']);
  });

  test('forgetting a cluster removes exactly what it had', () => {
    const mesh = newMesh();
    for (const cluster of ['c1', 'c2']) {
      mesh.apply(cluster, service({ clusterIPs: ['10.0.0.1'] }));
      mesh.apply(cluster, slice('a', [`${cluster === 'c1' ? 1 : 2}.1.1.1`]));
    }
    mesh.removeCluster('c2');
    expect(read(mesh)(mesh.service, ID)!.clusters).toEqual(['c1']);
    expect(read(mesh)(mesh.endpoints, { service: ID, port: 80 }).map((e) => e.cluster)).toEqual(['c1']);
    mesh.removeCluster('c1');
    expect(read(mesh)(mesh.service, ID)).toBeUndefined();
  });

  test('headless in one of them is a normal service', () => {
    const mesh = newMesh();
    mesh.apply('c1', service({ clusterIP: 'None' }));
    expect(read(mesh)(mesh.service, ID)).toMatchObject({ headless: true, resolution: 'passthrough' });
    mesh.apply('c2', service({ clusterIPs: ['10.9.0.1'] }));
    expect(read(mesh)(mesh.service, ID)).toMatchObject({ headless: false, resolution: 'static' });
  });

  test('an external name is another name', () => {
    const mesh = newMesh();
    mesh.apply('c1', service({ type: 'ExternalName', externalName: 'www.example.com' }));
    expect(read(mesh)(mesh.service, ID)).toMatchObject({ resolution: 'alias', externalName: 'www.example.com' });
  });
});

describe('endpoints', () => {
  test('unready and terminating ones get nothing; pods bring labels, identity and TLS, nodes the place', () => {
    const mesh = newMesh();
    mesh.apply('c1', service({}));
    const endpoint = (address: string, conditions: object, pod: string) => ({
      addresses: [address],
      conditions,
      targetRef: { kind: 'Pod', name: pod },
    });
    mesh.apply('c1', {
      ...slice('a', []),
      endpoints: [
        endpoint('1.1.1.1', { ready: true }, 'p'),
        endpoint('1.1.1.2', { ready: false }, 'q'),
        endpoint('1.1.1.3', { ready: true, serving: true, terminating: true }, 'r'),
      ],
    });
    mesh.apply('c1', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'sample', labels: { app: 'x', 'security.istio.io/tlsMode': 'istio' } },
      spec: { serviceAccountName: 'me', nodeName: 'n1' },
      status: {},
    });
    mesh.apply('c1', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n1', labels: { 'topology.kubernetes.io/region': 'eu', 'topology.kubernetes.io/zone': 'a' } },
    });
    const [only, ...rest] = read(mesh)(mesh.endpoints, { service: ID, port: 80 });
    expect(rest).toEqual([]);
    expect(only).toMatchObject({
      address: '1.1.1.1',
      labels: { app: 'x' },
      serviceAccount: 'me',
      tlsMode: 'istio',
      locality: { region: 'eu', zone: 'a' },
    });
    expect(read(mesh)(mesh.identities, { service: ID, port: 80 })).toEqual(['spiffe://cluster.local/ns/sample/sa/me']);
  });
});

describe('faulty objects', () => {
  const rule = (spec: object): KubernetesObject => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'v', namespace: 'sample' },
    spec,
  });
  const good = { hosts: ['hello'], http: [{ route: [{ destination: { host: 'hello' } }] }] };

  test('the last good version stays, the problem is recorded, and goes when the object is mended', () => {
    const mesh = newMesh();
    const rules = () => read(mesh)(mesh.rules, 'c1/sample/v');
    mesh.apply('c1', rule(good));
    mesh.apply('c1', rule({ ...good, http: [{ timeout: 'soon' }] }));
    expect(rules()?.http).toHaveLength(1);
    const found = mesh.inputs.problems.get('VirtualService/c1/sample/v');
    expect(found?.[0]).toMatchObject({ code: 'wrong-type', path: 'spec.http[0].timeout', object: { name: 'v' } });
    mesh.apply('c1', rule(good));
    expect(mesh.inputs.problems.get('VirtualService/c1/sample/v')).toBeUndefined();
  });

  test('rules are read from the config cluster only', () => {
    const mesh = newMesh();
    mesh.apply('c2', rule(good));
    expect(read(mesh)(mesh.rules, 'c2/sample/v')).toBeUndefined();
  });

  test('a broken MeshConfig changes nothing', () => {
    const mesh = newMesh();
    mesh.setMeshConfig('trustDomain: example.org');
    expect(mesh.setMeshConfig('trustDomain: [1]').map((p) => p.path)).toEqual(['mesh.trustDomain']);
    expect(mesh.setMeshConfig('{').map((p) => p.code)).toEqual(['bad-yaml']);
    expect(read(mesh)(mesh.trustDomain, '')).toBe('example.org');
    expect(read(mesh)(mesh.connectTimeoutMs, '')).toBe(10_000);
  });
});
