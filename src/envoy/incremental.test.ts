// Whatever the order of edits, the resources are those that the present objects would give a control plane that starts now.
import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type VirtualHost, VirtualHostSchema } from '../gen/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js';
import type { KubernetesObject } from '../kinds/object.ts';
import { createWorld, served, subscribe, testProxy, type World } from './testing/world.ts';

const HOSTS = ['a', 'b', 'c'];
const NAMESPACES = ['one', 'two'];
const CLUSTERS = ['cluster1', 'cluster2'];

type Edit =
  | { readonly kind: 'put'; readonly cluster: string; readonly object: KubernetesObject }
  | { readonly kind: 'remove'; readonly cluster: string; readonly object: KubernetesObject }
  | { readonly kind: 'forget'; readonly cluster: string }
  | { readonly kind: 'mesh'; readonly config: object };

const name = fc.constantFrom(...HOSTS);
const namespace = fc.constantFrom(...NAMESPACES);
const created = fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z');
const exportTo = fc.constantFrom(undefined, ['*'], ['.'], ['two']);

const meta = (more: Partial<Record<'namespace', fc.Arbitrary<string>>> = {}) =>
  fc.record({ name, namespace: more.namespace ?? namespace, creationTimestamp: created });

const service = fc
  .record({
    metadata: meta(),
    ip: fc.constantFrom('10.96.0.1', '10.96.0.2', 'None'),
    port: fc.constantFrom('http', 'tcp', 'x', 'grpc', 'tls'),
    second: fc.boolean(),
    open: exportTo,
  })
  .map(({ metadata, ip, port, second, open }) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metadata, ...(open && { annotations: { 'networking.istio.io/exportTo': open.join(',') } }) },
    spec: {
      clusterIPs: [ip],
      selector: { app: metadata.name },
      ports: [{ name: port, port: 80, targetPort: 8080 }, ...(second ? [{ name: 'http-b', port: 81 }] : [])],
    },
  }));

const slice = fc
  .record({
    metadata: meta(),
    ready: fc.array(fc.boolean(), { maxLength: 3 }),
    port: fc.constantFrom('http', 'tcp', 'x'),
  })
  .map(({ metadata, ready, port }) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': metadata.name } },
    addressType: 'IPv4',
    ports: [{ name: port, port: 8080 }],
    endpoints: ready.map((r, i) => ({
      addresses: [`10.1.0.${i + 1}`],
      conditions: { ready: r },
      nodeName: 'node',
      targetRef: { kind: 'Pod', name: `${metadata.name}-${i}` },
    })),
  }));

const pod = fc
  .record({
    metadata: meta(),
    index: fc.nat(2),
    version: fc.constantFrom('v1', 'v2'),
    mesh: fc.boolean(),
    account: name,
  })
  .map(({ metadata, index, version, mesh, account }) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      name: `${metadata.name}-${index}`,
      labels: { app: metadata.name, version, ...(mesh && { 'security.istio.io/tlsMode': 'istio' }) },
    },
    spec: { serviceAccountName: account, nodeName: 'node', containers: [{ name: 'app' }] },
    status: { podIP: `10.1.0.${index + 1}`, phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  }));

const node = fc.constantFrom('a', 'b').map((zone) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node', labels: { 'topology.kubernetes.io/region': 'r', 'topology.kubernetes.io/zone': zone } },
}));

const host = fc.oneof(
  name,
  fc.constantFrom('a.one.svc.cluster.local', 'b.two.svc.cluster.local', '*.two.svc.cluster.local', 'ext.example.com'),
  fc.constantFrom('a.one', 'b.two.svc', 'A.One'),
);

const virtualService = fc
  .record({
    metadata: meta(),
    hosts: fc.uniqueArray(host, { maxLength: 2 }),
    to: host,
    subset: fc.constantFrom(undefined, 'v1'),
    open: exportTo,
    match: fc.constantFrom(
      undefined,
      [{ uri: { prefix: '/x' } }],
      [{ sourceLabels: { app: 'client' } }],
      [{ sourceNamespace: 'two' }],
    ),
    delegate: fc.option(fc.record({ name, namespace })),
    tcp: fc.boolean(),
  })
  .map(({ metadata, hosts, to, subset, open, match, delegate, tcp }) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata,
    spec: {
      hosts,
      ...(open && { exportTo: open }),
      http: [
        ...(delegate ? [{ match: [{ uri: { prefix: '/d' } }], delegate }] : []),
        { ...(match && { match }), route: [{ destination: { host: to, ...(subset && { subset }) } }] },
      ],
      ...(tcp && { tcp: [{ route: [{ destination: { host: to, port: { number: 80 } } }] }] }),
    },
  }));

const destinationRule = fc
  .record({
    metadata: fc.oneof(meta(), meta({ namespace: fc.constant('istio-system') })),
    host,
    open: exportTo,
    subsets: fc.boolean(),
    policy: fc.constantFrom<object | undefined>(
      undefined,
      { tls: { mode: 'DISABLE' } },
      { outlierDetection: { consecutive5xxErrors: 3 } },
      { loadBalancer: { consistentHash: { httpHeaderName: 'x' } } },
      { connectionPool: { tcp: { maxConnections: 3 } } },
    ),
    selector: fc.constantFrom(undefined, { matchLabels: { app: 'client' } }),
  })
  .map(({ metadata, host: to, open, subsets, policy, selector }) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata,
    spec: {
      host: to,
      ...(open && { exportTo: open }),
      ...(policy && { trafficPolicy: policy }),
      ...(subsets && { subsets: [{ name: 'v1', labels: { version: 'v1' } }] }),
      ...(selector && { workloadSelector: selector }),
    },
  }));

const serviceEntry = fc
  .record({
    metadata: meta(),
    hosts: fc.uniqueArray(host, { minLength: 1, maxLength: 2 }),
    resolution: fc.constantFrom('NONE', 'STATIC', 'DNS'),
    protocol: fc.constantFrom('HTTP', 'TCP', 'TLS'),
    addressed: fc.boolean(),
    selects: fc.boolean(),
    open: exportTo,
  })
  .map(({ metadata, hosts, resolution, protocol, addressed, selects, open }) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata,
    spec: {
      hosts,
      resolution,
      ports: [{ number: 80, name: 'p', protocol }],
      ...(addressed && { addresses: ['240.0.0.1'] }),
      ...(selects && { workloadSelector: { labels: { app: 'a' } } }),
      ...(open && { exportTo: open }),
    },
  }));

const peerAuthentication = fc
  .record({
    metadata: fc.oneof(meta(), meta({ namespace: fc.constant('istio-system') })),
    mode: fc.constantFrom('STRICT', 'DISABLE', 'PERMISSIVE'),
    selector: fc.constantFrom(undefined, { matchLabels: { app: 'a' } }),
  })
  .map(({ metadata, mode, selector }) => ({
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata,
    spec: { mtls: { mode }, ...(selector && { selector }) },
  }));

const sidecar = fc
  .record({ metadata: meta(), hosts: fc.constantFrom(['./*'], ['*/*'], ['two/*', './*'], ['~/*']), own: fc.boolean() })
  .map(({ metadata, hosts, own }) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'Sidecar',
    metadata,
    spec: { egress: [{ hosts }], ...(own && { workloadSelector: { labels: { app: 'client' } } }) },
  }));

const object: fc.Arbitrary<KubernetesObject> = fc.oneof(
  { weight: 4, arbitrary: service },
  { weight: 3, arbitrary: slice },
  { weight: 3, arbitrary: pod },
  { weight: 1, arbitrary: node },
  { weight: 3, arbitrary: virtualService },
  { weight: 3, arbitrary: destinationRule },
  { weight: 2, arbitrary: serviceEntry },
  { weight: 1, arbitrary: peerAuthentication },
  { weight: 1, arbitrary: sidecar },
);

const cluster = fc.constantFrom(...CLUSTERS);
const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('put' as const), cluster, object }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('remove' as const), cluster, object }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), cluster: fc.constant('cluster2') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('mesh' as const),
      config: fc.constantFrom<object>(
        {},
        { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } },
        { enableAutoMtls: false },
        { defaultServiceExportTo: ['.'] },
        { defaultVirtualServiceExportTo: ['.'], defaultDestinationRuleExportTo: ['.'] },
        { trustDomainAliases: ['old.example'] },
      ),
    }),
  },
);

const PROXIES = [
  testProxy({ namespace: 'one', delta: true }),
  testProxy({ namespace: 'two', labels: { app: 'a' }, locality: { region: 'r', zone: 'a', subzone: '' } }),
  testProxy({ namespace: 'three', cluster: 'cluster2', labels: {} }),
  testProxy({ namespace: 'one', type: 'router', labels: { istio: 'ingressgateway' } }),
];

const FULL = [
  'a.one.svc.cluster.local',
  'b.two.svc.cluster.local',
  'c.one.svc.cluster.local',
  'a.two.svc.cluster.local',
  'ext.example.com',
];
const NAMES = [
  '80',
  '81',
  ...FULL.flatMap((h) => [`outbound|80||${h}`, `outbound|80|v1|${h}`, `outbound|81||${h}`, `${h}:80`]),
];

function perform(world: World, change: Edit): void {
  const { mesh } = world;
  switch (change.kind) {
    case 'put':
      mesh.apply(change.cluster, change.object);
      break;
    case 'remove': {
      const { metadata, kind } = change.object;
      mesh.remove(change.cluster, {
        kind: kind!,
        namespace: metadata?.namespace ?? '',
        name: metadata?.name ?? '',
      });
      break;
    }
    case 'forget':
      mesh.removeCluster(change.cluster);
      break;
    case 'mesh':
      mesh.setMeshConfig(change.config);
  }
}

/** Names in the route table of port 80: Envoy refuses it when one is there twice. */
function tableDomains({ graph, classes, types }: World, proxy: (typeof PROXIES)[number]): string[] {
  const id = classes.classify(proxy);
  const ofType = (suffix: string) => types.find((t) => t.typeUrl.endsWith(suffix))!.parts;
  const hosts = new Map<string, VirtualHost>();
  for (const part of ofType('.VirtualHost')) {
    const scope = graph.read(part.scope, id);
    for (const name of graph.read(part.list!, scope)) {
      const resource = name.startsWith('80/') && !hosts.has(name) && graph.read(part.get, { scope, name });
      if (resource) hosts.set(name, fromBinary(VirtualHostSchema, resource.body));
    }
  }
  const part = ofType('.RouteConfiguration').find((p) => p.name === 'outbound routes')!;
  const table = graph.read(part.get, { scope: graph.read(part.scope, id), name: '80' });
  const inline = table ? fromBinary(RouteConfigurationSchema, table.body).virtualHosts : [];
  return [...hosts.values(), ...inline].flatMap((h) => h.domains);
}

const repeated = (names: readonly string[]) => names.filter((name, i) => names.indexOf(name) !== i);

describe('incremental equals from scratch', () => {
  test('under random edits', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.array(edit, { minLength: 2, maxLength: 14 }), (edits) => {
        const live = createWorld({ audit: true });
        for (const [i, change] of edits.entries()) {
          const watches = PROXIES.map((p) => subscribe(live, p, NAMES));
          perform(live, change);
          const fresh = createWorld({ audit: false });
          for (const earlier of edits.slice(0, i + 1)) perform(fresh, earlier);
          for (const proxy of PROXIES) expect(served(live, proxy, NAMES)).toEqual(served(fresh, proxy, NAMES));
          for (const proxy of PROXIES) expect(repeated(tableDomains(live, proxy))).toEqual([]);
          for (const watch of watches) watch[Symbol.dispose]();
        }
      }),
      { numRuns: Number(process.env.RUNS ?? 15) },
    );
  });
});
