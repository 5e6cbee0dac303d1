import { expect, it } from 'vitest';
import { mergeObjects } from './merge.ts';

it('merges maps by key, gateways and env by name, and replaces other lists', () => {
  const base = {
    keep: 1,
    list: [1, 2],
    ingressGateways: [{ name: 'a', enabled: true, k8s: { env: [{ name: 'X', value: '1' }] } }],
  };
  const over = {
    list: [3],
    ingressGateways: [
      {
        name: 'a',
        k8s: {
          env: [
            { name: 'Y', value: '2' },
            { name: 'X', value: '9' },
          ],
        },
      },
      { name: 'b', enabled: true },
    ],
  };
  expect(mergeObjects(base, over)).toEqual({
    keep: 1,
    list: [3],
    ingressGateways: [
      {
        name: 'a',
        enabled: true,
        k8s: {
          env: [
            { name: 'X', value: '9' },
            { name: 'Y', value: '2' },
          ],
        },
      },
      { name: 'b', enabled: true },
    ],
  });
});

it('keeps null, which means "not set" to whoever lays the result over defaults of its own', () => {
  expect(
    mergeObjects({ resources: { limits: { cpu: 1, memory: 2 } } }, { resources: { limits: { memory: null } } }),
  ).toEqual({
    resources: { limits: { cpu: 1, memory: null } },
  });
});
