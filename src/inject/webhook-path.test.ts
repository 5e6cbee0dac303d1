import { expect, it } from 'vitest';
import { parseInjectPath } from './webhook-path.ts';

it.each<[string, Record<string, string>]>([
  ['/inject', {}],
  ['/inject/', {}],
  ['/inject/cluster/cluster2/net/network1', { ISTIO_META_CLUSTER_ID: 'cluster2', ISTIO_META_NETWORK: 'network1' }],
  ['/inject/net/n/cluster/c/', { ISTIO_META_CLUSTER_ID: 'c', ISTIO_META_NETWORK: 'n' }],
  ['/inject/cluster/a--slash--b/my_env/v', { ISTIO_META_CLUSTER_ID: 'a/b', MY_ENV: 'v' }],
  ['/inject/cluster', {}],
  ['/inject/cluster/c/net', { ISTIO_META_CLUSTER_ID: 'c' }],
  ['/inject/cluster/a%20b', { ISTIO_META_CLUSTER_ID: 'a b' }],
  [
    '/inject/:ENV:cluster=c:ENV:net=n:ENV:empty=:ENV:=x',
    { ISTIO_META_CLUSTER_ID: 'c', ISTIO_META_NETWORK: 'n', EMPTY: '' },
  ],
  ['/inject/b$d/x', {}],
])('%s', (path, env) => expect(parseInjectPath(path)).toEqual(env));

it('takes a query too', () => {
  const query = new URLSearchParams('cluster=c&net=n');
  expect(parseInjectPath('/inject', query)).toEqual({ ISTIO_META_CLUSTER_ID: 'c', ISTIO_META_NETWORK: 'n' });
});
