// Grouping of endpoints by place, and what a caller's own place makes of it.
import { describe, expect, test } from 'vitest';
import type { Endpoint } from '../model/endpoint.ts';
import type { LocalityBalancing } from '../model/traffic.ts';
import { type Caller, groupByLocality, placeGroups, placeMatters } from './endpoint-groups.ts';

const at = (place: string, address: string, more: Partial<Endpoint> = {}): Endpoint => {
  const [region = '', zone = '', subzone = ''] = place.split('/');
  return {
    address,
    port: 80,
    cluster: 'c1',
    network: '',
    namespace: 'default',
    workload: '',
    instance: '',
    labels: {},
    locality: { region, zone, subzone },
    serviceAccount: '',
    tlsMode: 'istio',
    health: 'healthy',
    weight: 0,
    hostname: '',
    node: '',
    ...more,
  };
};
const caller = (place: string, more: Partial<Caller> = {}): Caller => ({
  locality: at(place, '').locality,
  cluster: 'c1',
  node: '',
  labels: {},
  ...more,
});
const balancing = (more: Partial<LocalityBalancing>): LocalityBalancing => ({
  enabled: true,
  distribute: [],
  failover: [],
  failoverPriority: [],
  ...more,
});
const endpoints = [at('eu/a', '1'), at('eu/b', '2'), at('us/a', '3'), at('asia/a', '4'), at('eu/a', '5')];
const shown = (groups: ReturnType<typeof placeGroups>) =>
  groups.map((g) => `${g.priority}:${g.endpoints.map((e) => e.address).join()}${g.weight ? `@${g.weight}` : ''}`);

describe('groups', () => {
  test('endpoints of one place that speak the same stand together', () => {
    const groups = groupByLocality([...endpoints, at('eu/a', '6', { tlsMode: 'disabled' })]);
    expect(shown(groups)).toEqual(['0:4', '0:6', '0:1,5', '0:2', '0:3']);
  });

  test('place matters with outlier detection or shares only', () => {
    expect(placeMatters(balancing({}), false)).toBe(false);
    expect(placeMatters(balancing({}), true)).toBe(true);
    expect(placeMatters(balancing({ enabled: false }), true)).toBe(false);
    expect(placeMatters(balancing({ distribute: [{ from: '*', to: { '*': 100 } }] }), false)).toBe(true);
    expect(placeMatters(undefined, true)).toBe(false);
  });
});

describe('failover', () => {
  const place = (b: Partial<LocalityBalancing>, from: Caller) =>
    shown(placeGroups(groupByLocality(endpoints), { balancing: balancing(b), caller: from }));

  test('the nearer the earlier, without gaps in the priorities', () => {
    expect(place({}, caller('eu/b'))).toEqual(['0:2', '1:1,5', '2:4', '2:3']);
    expect(place({}, caller('us/x'))).toEqual(['0:3', '1:4', '1:1,5', '1:2']);
  });

  test('a named region comes before the others', () => {
    expect(place({ failover: [{ from: 'us', to: 'asia' }] }, caller('us/a'))).toEqual(['0:3', '1:4', '2:1,5', '2:2']);
  });

  test('a caller from nowhere has no preference', () => {
    expect(place({}, caller(''))).toEqual(['0:4', '0:1,5', '0:2', '0:3']);
  });

  test('labels in order, the first that differs decides', () => {
    const groups = groupByLocality([
      at('eu/a', '1', { labels: { version: 'v1' }, cluster: 'c1' }),
      at('eu/a', '2', { labels: { version: 'v2' }, cluster: 'c1' }),
      at('eu/a', '3', { labels: { version: 'v1' }, cluster: 'c2' }),
    ]);
    const wanted = balancing({ failoverPriority: ['topology.istio.io/cluster', 'version=v1'] });
    expect(shown(placeGroups(groups, { balancing: wanted, caller: caller('eu/a') }))).toEqual(['0:1', '1:2', '2:3']);
  });
});

describe('shares', () => {
  test('go to places; a wildcard is split by endpoints; unnamed places get nothing', () => {
    const wanted = balancing({ distribute: [{ from: 'eu/*', to: { 'eu/*': 90, 'us/a': 10 } }] });
    const groups = placeGroups(groupByLocality(endpoints), { balancing: wanted, caller: caller('eu/a') });
    expect(shown(groups)).toEqual(['0:1,5@6000', '0:2@3000', '0:3@1000']);
  });

  test('callers elsewhere are not concerned', () => {
    const wanted = balancing({ distribute: [{ from: 'eu/*', to: { 'eu/*': 100 } }] });
    const groups = placeGroups(groupByLocality(endpoints), { balancing: wanted, caller: caller('us/a') });
    expect(shown(groups)).toHaveLength(4);
  });
});
