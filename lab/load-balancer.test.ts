import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCidr } from './cidr.ts';
import { type Assignment, assignAddresses, type Service } from './load-balancer.ts';

const range = parseCidr('172.30.0.128/29');

function service(
  name: string,
  options: { type?: string; ip?: string; wish?: string; class?: string; created?: string } = {},
): Service {
  return {
    metadata: { namespace: 'ns', name, creationTimestamp: options.created ?? '2026-01-01T00:00:00Z' },
    spec: {
      type: options.type ?? 'LoadBalancer',
      ...(options.wish && { loadBalancerIP: options.wish }),
      ...(options.class && { loadBalancerClass: options.class }),
    },
    status: { loadBalancer: options.ip ? { ingress: [{ ip: options.ip }] } : {} },
  };
}

/** The Services after their assignments were written. */
function apply(services: readonly Service[], changes: readonly Assignment[]): Service[] {
  return services.map((item) => {
    const change = changes.find(({ name }) => name === item.metadata.name);
    return change
      ? { ...item, status: { loadBalancer: change.address ? { ingress: [{ ip: change.address }] } : {} } }
      : item;
  });
}

describe('assignAddresses', () => {
  test('gives the lowest free address, to LoadBalancer Services of the default class only', () => {
    const services = [
      service('a'),
      service('b', { type: 'ClusterIP' }),
      service('c', { class: 'other' }),
      service('d', { ip: '172.30.0.129' }),
    ];
    expect(assignAddresses(services, range)).toEqual({
      changes: [{ namespace: 'ns', name: 'a', address: '172.30.0.130' }],
      waiting: [],
    });
  });

  test('a wish is granted when it is free and in range', () => {
    expect(assignAddresses([service('a', { wish: '172.30.0.133' })], range).changes[0]?.address).toBe('172.30.0.133');
    expect(assignAddresses([service('a', { wish: '8.8.8.8' })], range).changes[0]?.address).toBe('172.30.0.129');
    const taken = [service('a', { wish: '172.30.0.129' }), service('b', { ip: '172.30.0.129' })];
    expect(assignAddresses(taken, range).changes).toEqual([{ namespace: 'ns', name: 'a', address: '172.30.0.130' }]);
  });

  test('of two Services with one address the older keeps it', () => {
    const services = [
      service('new', { ip: '172.30.0.129', created: '2026-02-01T00:00:00Z' }),
      service('old', { ip: '172.30.0.129', created: '2026-01-01T00:00:00Z' }),
    ];
    expect(assignAddresses(services, range).changes).toEqual([
      { namespace: 'ns', name: 'new', address: '172.30.0.130' },
    ]);
  });

  test('a Service that became a ClusterIP gives its address back; foreign addresses stay', () => {
    const services = [
      service('a', { type: 'ClusterIP', ip: '172.30.0.129' }),
      service('b', { type: 'ClusterIP', ip: '1.2.3.4' }),
    ];
    expect(assignAddresses(services, range).changes).toEqual([{ namespace: 'ns', name: 'a', address: undefined }]);
  });

  test('a Service waits when no address is left, and gets one when it is freed', () => {
    const held = [129, 130, 131, 132, 133, 134].map((last) => service(`s${last}`, { ip: `172.30.0.${last}` }));
    expect(assignAddresses([...held, service('late')], range)).toEqual({ changes: [], waiting: ['ns/late'] });
    expect(assignAddresses([...held.slice(1), service('late')], range).changes).toEqual([
      { namespace: 'ns', name: 'late', address: '172.30.0.129' },
    ]);
  });

  test('one round is enough, and no two Services share an address', () => {
    const arbitrary = fc.uniqueArray(
      fc.record({
        name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
        type: fc.constantFrom('LoadBalancer', 'ClusterIP'),
        ip: fc.option(fc.constantFrom('172.30.0.129', '172.30.0.130', '9.9.9.9'), { nil: undefined }),
        wish: fc.option(fc.constantFrom('172.30.0.129', '172.30.0.131'), { nil: undefined }),
      }),
      { selector: ({ name }) => name },
    );
    fc.assert(
      fc.property(arbitrary, (records) => {
        const services = records.map(({ name, ...options }) => service(name, options));
        const after = apply(services, assignAddresses(services, range).changes);
        expect(assignAddresses(after, range)).toEqual({ changes: [], waiting: [] });
        const addresses = after
          .filter(({ spec }) => spec?.type === 'LoadBalancer')
          .map((s) => s.status?.loadBalancer?.ingress?.[0]?.ip);
        expect(new Set(addresses).size).toBe(addresses.length);
        expect(addresses).not.toContain(undefined);
      }),
    );
  });
});
