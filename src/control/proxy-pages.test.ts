import { expect, test } from 'vitest';
import { TYPE_URL } from '../envoy/resource.ts';
import type { ConnectionStatus } from '../xds/connection.ts';
import type { SubscriptionStatus } from '../xds/subscription.ts';
import { proxiesOf, syncz } from './proxy-pages.ts';

const response = (nonce: string) => ({ nonce, version: 'v', at: 0, body: undefined, adds: true, bytes: 1 });
const type = (typeUrl: string, more: Partial<SubscriptionStatus>): SubscriptionStatus => ({
  typeUrl,
  wildcard: true,
  subscribed: 0,
  sent: undefined,
  acked: undefined,
  nacked: undefined,
  synced: false,
  ...more,
});

function connection(instance: string, types: SubscriptionStatus[]): ConnectionStatus {
  const client = { instance, namespace: 'n', cluster: 'c', type: 'sidecar', version: '1.40.0', istioVersion: '1.28.0' };
  return {
    id: '1',
    client: client as unknown as ConnectionStatus['client'],
    address: '',
    protocol: 'delta',
    connectedAt: 0,
    types,
  };
}

test('synced, waiting, rejected, resumed and never asked for', () => {
  const nack = { nonce: '4', version: 'v', at: 0, error: { code: 13, message: 'bad' }, names: [] };
  const shown = syncz([
    connection('b', [
      type(TYPE_URL.cluster, { sent: response('2'), acked: response('1') }),
      type(TYPE_URL.listener, { sent: response('4'), nacked: nack }),
      type(TYPE_URL.endpoints, { synced: true }),
    ]),
    connection('a', [type(TYPE_URL.cluster, { sent: response('7'), acked: response('6'), synced: true })]),
    connection('question', []),
  ]);
  expect(shown).toEqual([
    {
      cluster_id: 'c',
      proxy: 'a.n',
      proxy_type: 'sidecar',
      proxy_version: '1.40.0',
      istio_version: '1.28.0',
      cluster_sent: '7',
      cluster_acked: '7',
    },
    {
      cluster_id: 'c',
      proxy: 'b.n',
      proxy_type: 'sidecar',
      proxy_version: '1.40.0',
      istio_version: '1.28.0',
      cluster_sent: '2',
      cluster_acked: '1',
      listener_sent: '4',
      endpoint_sent: 'resumed',
      endpoint_acked: 'resumed',
      errors: { LDS: 'bad' },
    },
  ]);
});

test('routes are as far as their virtual hosts', () => {
  const routes = type(TYPE_URL.route, { sent: response('1'), acked: response('1'), synced: true });
  const hosts = type(TYPE_URL.virtualHost, { sent: response('3'), acked: response('2') });
  expect(syncz([connection('a', [routes, hosts])])).toMatchObject([{ route_sent: '3', route_acked: '2' }]);
  expect(syncz([connection('a', [routes, { ...hosts, synced: true }])])).toMatchObject([
    { route_sent: '1', route_acked: '1' },
  ]);
});

test('whoever only asked a debug question is no proxy', () => {
  expect(proxiesOf([connection('istioctl', [])])).toEqual([]);
});
