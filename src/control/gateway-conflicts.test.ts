// Gateways that want one port in two ways, as the connected gateways see them.
import { expect, test } from 'vitest';
import { Graph } from '../graph/graph.ts';
import { createMesh } from '../ingest/mesh.ts';
import type { Problem } from '../model/problem.ts';
import type { Proxy as Client } from '../model/proxy.ts';
import { defineClasses } from '../view/class.ts';
import { watchGatewayConflicts } from './gateway-conflicts.ts';

const gateway = (name: string, created: string, protocol: string) => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'Gateway',
  metadata: { namespace: 'n', name, creationTimestamp: created },
  spec: { selector: { app: 'gw' }, servers: [{ port: { number: 80, name: 'p', protocol }, hosts: ['a.example'] }] },
});

const router: Client = {
  id: 'router~10.0.0.1~gw.n~n.svc.cluster.local',
  type: 'router',
  namespace: 'n',
  cluster: 'c1',
  network: '',
  serviceAccount: 'gw',
  labels: { app: 'gw' },
  addresses: ['10.0.0.1'],
  locality: { region: '', zone: '', subzone: '' },
  node: '',
  instance: '',
  domain: 'n.svc.cluster.local',
  version: '1.40.0',
  istioVersion: '',
  metadata: {},
};

test('the younger Gateway is told which one was first, and no more once it is mended or no proxy is there', () => {
  const graph = new Graph({ audit: true });
  const mesh = createMesh(graph, { configCluster: 'c1', domain: 'cluster.local' });
  const classes = defineClasses(graph, mesh);
  const book = new Map<string, readonly Problem[]>();
  const problems = { set: (source: string, found: readonly Problem[]) => void book.set(source, found) };
  const told = (): string[] =>
    [...book.values()].flat().map(({ code, object, message }) => `${code} ${object?.name}: ${message}`);
  using _ = watchGatewayConflicts({ mesh, classes, problems });

  mesh.apply('c1', gateway('first', '2026-01-01T00:00:00Z', 'HTTP'));
  mesh.apply('c1', gateway('second', '2026-01-02T00:00:00Z', 'TCP'));
  expect(told()).toEqual([]);
  classes.proxies.set(router.id, router);
  expect(told()).toEqual([
    'gateway-conflict second: the server for a.example on port 80 is left out: port 80 is already used for http by Gateway ' +
      'n/first. Give one of the two another port, other hosts or another selector.',
  ]);
  mesh.apply('c1', gateway('second', '2026-01-02T00:00:00Z', 'HTTP'));
  expect(told()).toEqual([]);
  mesh.apply('c1', gateway('second', '2026-01-02T00:00:00Z', 'TCP'));
  expect(told()).toHaveLength(1);
  classes.proxies.delete(router.id);
  expect(told()).toEqual([]);
});
