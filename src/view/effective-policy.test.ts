// How the parts of a DestinationRule add up.
import { expect, test } from 'vitest';
import type { DestinationPolicy, LoadBalancer, TrafficPolicy } from '../model/traffic.ts';
import { effectivePolicy } from './effective-policy.ts';

const lb = (kind: 'random' | 'round-robin' | 'least-request'): LoadBalancer => ({ kind, warmupMs: 0 });
const pool = (maxConnections: number): TrafficPolicy['pool'] => ({
  maxConnections,
  h2Upgrade: 'default',
  useClientProtocol: false,
});
const rule: DestinationPolicy = {
  source: { cluster: 'c', kind: 'DestinationRule', namespace: 'n', name: 'r' },
  created: '',
  host: 'h',
  visibility: { kind: 'all' },
  policy: { loadBalancer: lb('random'), pool: pool(1), ports: { 90: { pool: pool(2) } } },
  subsets: [
    { name: 'plain', labels: {} },
    { name: 'own', labels: {}, policy: { loadBalancer: lb('round-robin'), ports: { 91: { pool: pool(3) } } } },
  ],
};

test('without a rule nothing is said', () => expect(effectivePolicy(undefined, '', 80)).toEqual({}));

test('the host speaks for its ports, except for those with settings of their own', () => {
  expect(effectivePolicy(rule, '', 80)).toEqual({ loadBalancer: lb('random'), pool: pool(1) });
  expect(effectivePolicy(rule, '', 90)).toEqual({ pool: pool(2) });
});

test('a subset replaces part by part, and takes the rest from the host', () => {
  expect(effectivePolicy(rule, 'plain', 80)).toEqual({ loadBalancer: lb('random'), pool: pool(1) });
  expect(effectivePolicy(rule, 'own', 80)).toEqual({ loadBalancer: lb('round-robin'), pool: pool(1) });
  expect(effectivePolicy(rule, 'own', 90)).toEqual({ loadBalancer: lb('round-robin'), pool: pool(2) });
  expect(effectivePolicy(rule, 'own', 91)).toEqual({ pool: pool(3) });
});
