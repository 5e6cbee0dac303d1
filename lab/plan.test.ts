import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { overlaps, parseCidr } from './cidr.ts';
import { type LabPlan, parameterProblems, planLab, samePlan } from './plan.ts';

const options = { labsDir: '/labs', inUse: [] };

/** All ranges of a plan that must not meet another. */
function ranges(plan: LabPlan): string[] {
  return plan.clusters.flatMap((cluster) => [
    cluster.podCidr,
    cluster.serviceCidr,
    cluster.loadBalancerCidr,
    `${cluster.address}/32`,
  ]);
}

describe('planLab', () => {
  test('is the same for the same name', () => {
    expect(planLab({ name: 'dev', clusters: 2 }, options)).toEqual(planLab({ name: 'dev', clusters: 2 }, options));
  });

  test('no two ranges of a lab meet, interface names fit, and everything is distinct', () => {
    const names = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/);
    fc.assert(
      fc.property(names, fc.integer({ min: 1, max: 4 }), (name, clusters) => {
        const plan = planLab({ name, clusters }, options);
        const cidrs = ranges(plan).map(parseCidr);
        for (const [i, a] of cidrs.entries()) for (const b of cidrs.slice(i + 1)) expect(overlaps(a, b)).toBe(false);
        expect(overlaps(parseCidr(plan.network), parseCidr(plan.podCidr))).toBe(false);
        for (const cluster of plan.clusters) {
          expect(cluster.veth.length).toBeLessThanOrEqual(15);
          expect(overlaps(parseCidr(plan.network), parseCidr(cluster.loadBalancerCidr))).toBe(true);
          expect(overlaps(parseCidr(cluster.podCidr), parseCidr(cluster.podSubnet))).toBe(true);
        }
        const identifiers = plan.clusters.flatMap((cluster) => [
          cluster.netns,
          cluster.veth,
          cluster.dir,
          cluster.address,
        ]);
        expect(new Set(identifiers).size).toBe(identifiers.length);
      }),
    );
  });

  test('default ranges avoid those in use', () => {
    const first = planLab({ name: 'dev', clusters: 2 }, options);
    const inUse = [parseCidr(first.network)];
    const second = planLab({ name: 'dev', clusters: 2 }, { ...options, inUse });
    expect(second.network).not.toBe(first.network);
    expect(overlaps(parseCidr(second.podCidr), parseCidr(first.podCidr))).toBe(false);
  });

  test('a machine without a free default range is told which flags to use', () => {
    const inUse = [parseCidr('10.0.0.0/8')];
    expect(() => planLab({ name: 'dev', clusters: 2 }, { ...options, inUse })).toThrow('--pod-cidr');
  });

  test('chosen ranges are used, and refused when in use', () => {
    const chosen = {
      name: 'dev',
      clusters: 4,
      network: '192.168.64.0/20',
      podCidr: '100.64.0.0/12',
      serviceCidr: '100.96.0.0/16',
    };
    const plan = planLab(chosen, options);
    expect(plan.clusters.map((cluster) => cluster.address)).toEqual([
      '192.168.64.11',
      '192.168.64.12',
      '192.168.64.13',
      '192.168.64.14',
    ]);
    expect(plan.clusters.map((cluster) => cluster.podCidr)).toEqual([
      '100.64.0.0/14',
      '100.68.0.0/14',
      '100.72.0.0/14',
      '100.76.0.0/14',
    ]);
    expect(plan.clusters[3]?.serviceCidr).toBe('100.96.192.0/18');
    expect(plan.clusters[3]?.dnsServiceAddress).toBe('100.96.192.10');
    expect(() => planLab(chosen, { ...options, inUse: [parseCidr('192.168.66.0/24')] })).toThrow(
      '192.168.64.0/20 is in use',
    );
  });
});

test.each([
  [{ name: 'Dev', clusters: 2 }, '--name "Dev"'],
  [{ name: 'x'.repeat(33), clusters: 2 }, '1 to 32'],
  [{ name: 'dev', clusters: 5 }, '--clusters 5'],
  [{ name: 'dev', clusters: 0 }, '--clusters 0'],
  [{ name: 'dev', clusters: 1, network: '172.30.0.0/28' }, '--network 172.30.0.0/28'],
  [{ name: 'dev', clusters: 1, network: 'everything' }, 'is not an IPv4 range'],
  [
    { name: 'dev', clusters: 1, podCidr: '10.0.0.0/12', serviceCidr: '10.8.0.0/16' },
    '--pod-cidr and --service-cidr overlap',
  ],
])('parameters %j are refused', (parameters, message) => {
  expect(parameterProblems(parameters).join('\n')).toContain(message);
  expect(() => planLab(parameters, options)).toThrow(message);
});

test('a plan is recognised by its parameters', () => {
  const plan = planLab({ name: 'dev', clusters: 2 }, options);
  expect(samePlan(plan, { name: 'dev', clusters: 2 })).toBe(true);
  expect(samePlan(plan, { name: 'dev', clusters: 2, network: plan.network })).toBe(true);
  expect(samePlan(plan, { name: 'dev', clusters: 3 })).toBe(false);
  expect(samePlan(plan, { name: 'dev', clusters: 2, podCidr: '10.0.0.0/14' })).toBe(false);
});
