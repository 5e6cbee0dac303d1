import { expect, it } from 'vitest';
import { type Applicable, inApplyOrder, kindByKind, kindOf, nameOf, pathOf } from './apply.ts';

const object = (kind: string, name: string, namespace?: string, apiVersion = 'v1'): Applicable => ({
  apiVersion,
  kind,
  metadata: { name, ...(namespace ? { namespace } : {}) },
});

it('knows where objects live', () => {
  expect(pathOf(object('Deployment', 'a', 'ns', 'apps/v1'))).toBe('/apis/apps/v1/namespaces/ns/deployments/a');
  expect(pathOf(object('Namespace', 'a'))).toBe('/api/v1/namespaces/a');
  expect(nameOf(object('Service', 'a', 'ns'))).toBe('Service ns/a');
  expect(() => kindOf(object('Gadget', 'a'))).toThrow(/Gadget/);
});

it('applies what others need first', () => {
  const objects = [
    'MutatingWebhookConfiguration',
    'Deployment',
    'ConfigMap',
    'Deployment',
    'ServiceAccount',
    'CustomResourceDefinition',
  ];
  const ordered = inApplyOrder(objects.map((kind, i) => object(kind, String(i))));
  expect(ordered.map(({ kind, metadata }) => kind + metadata.name)).toEqual([
    'CustomResourceDefinition5',
    'ServiceAccount4',
    'ConfigMap2',
    'Deployment1',
    'Deployment3',
    'MutatingWebhookConfiguration0',
  ]);
});

it('runs objects of one kind together and waits before the next kind', async () => {
  const seen: string[] = [];
  const objects = [object('A', '1'), object('A', '2'), object('B', '3'), object('A', '4')];
  await kindByKind(objects, async ({ metadata }) => {
    seen.push(`+${metadata.name}`);
    await Promise.resolve();
    seen.push(`-${metadata.name}`);
  });
  expect(seen).toEqual(['+1', '+2', '-1', '-2', '+3', '-3', '+4', '-4']);
  await kindByKind([], () => Promise.reject(new Error('never called')));
});
