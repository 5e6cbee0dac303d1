// Which subsets rules lead to, as rules come and go.
import { expect, test } from 'vitest';
import { Graph } from '../graph/graph.ts';
import { createMesh } from './mesh.ts';

const HOST = 'db.shop.svc.cluster.local';

function meshWith() {
  const graph = new Graph({ audit: true });
  const mesh = createMesh(graph, { configCluster: 'c1' });
  const rule = (spec: object) =>
    mesh.apply('c1', {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'rule', namespace: 'shop' },
      spec,
    });
  const used = (subset: string, port: number) => graph.read(mesh.subsetUsed, { host: HOST, subset, port });
  return { rule, used };
}

test('a destination with a port leads to that port only, one without may lead to any', () => {
  const { rule, used } = meshWith();
  expect(used('v1', 5432)).toBe(false);
  rule({ hosts: ['db'], tcp: [{ route: [{ destination: { host: 'db', subset: 'v1', port: { number: 5432 } } }] }] });
  expect([used('v1', 5432), used('v1', 80), used('v2', 5432)]).toEqual([true, false, false]);
  rule({ hosts: ['db'], tcp: [{ route: [{ destination: { host: HOST, subset: 'v2' } }] }] });
  expect([used('v1', 5432), used('v2', 5432), used('v2', 80)]).toEqual([false, true, true]);
});

test('every kind of destination counts', () => {
  const { rule, used } = meshWith();
  const to = (subset: string) => ({ destination: { host: HOST, subset } });
  rule({
    hosts: ['*.example.com'],
    http: [
      { match: [{ uri: { prefix: '/b' } }], route: [to('a')], mirror: to('b').destination },
      { route: [to('a')], mirrors: [{ ...to('c') }] },
    ],
    tls: [{ match: [{ sniHosts: ['x.example.com'] }], route: [to('d')] }],
    tcp: [{ route: [to('e')] }],
  });
  expect(['a', 'b', 'c', 'd', 'e', 'f'].map((subset) => used(subset, 1))).toEqual([
    true,
    true,
    true,
    true,
    true,
    false,
  ]);
});
