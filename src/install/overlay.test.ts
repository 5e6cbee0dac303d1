import { describe, expect, it } from 'vitest';
import type { Json, Manifest } from './json.ts';
import { applyOverlays, parseOverlayPath } from './overlay.ts';

const deployment: Manifest = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'istiod' },
  spec: {
    containers: [
      {
        name: 'discovery',
        args: ['a', '30m'],
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '2' },
        ],
      },
    ],
  },
};

function patch(path: string, value?: Json) {
  const { objects, problems } = applyOverlays(
    [deployment],
    [{ kind: 'Deployment', name: 'istiod', patches: [value === undefined ? { path } : { path, value }] }],
  );
  const container = (objects[0]!.spec as { containers: { args: string[]; env: object[] }[] }).containers[0];
  return { container, problems, object: objects[0]! };
}

describe('patches', () => {
  it('replaces an element of a list of texts by value', () => {
    expect(patch('spec.containers.[name:discovery].args.[30m]', '60m').container?.args).toEqual(['a', '60m']);
  });
  it('replaces by index, also without the dot before the bracket', () => {
    expect(patch('spec.containers[0].args[0]', 'z').container?.args).toEqual(['z', '30m']);
  });
  it('deletes a list element and a map key when there is no value', () => {
    expect(patch('spec.containers.[name:discovery].env.[name:A]').container?.env).toEqual([{ name: 'B', value: '2' }]);
    expect(patch('spec.containers.[name:discovery].args').container).not.toHaveProperty('args');
  });
  it('adds an element that is not there and maps on the way', () => {
    expect(
      patch('spec.containers.[name:discovery].env.[name:C]', { name: 'C', value: '3' }).container?.env,
    ).toHaveLength(3);
    expect(patch('metadata.annotations.a\\.b/c', 'x').object.metadata.annotations).toEqual({ 'a.b/c': 'x' });
  });
  it('reads a text of several lines as YAML where it can only be a map', () => {
    expect(
      patch('spec.containers.[name:discovery].env.[name:A].valueFrom', 'fieldRef:\n  fieldPath: x\n').container?.env[0],
    ).toEqual({
      name: 'A',
      value: '1',
      valueFrom: { fieldRef: { fieldPath: 'x' } },
    });
  });
  it('reports a path that leads nowhere and changes nothing', () => {
    const { problems, object } = patch('spec.containers.[name:other].args.[30m]', 'x');
    expect(problems).toMatchObject([
      { severity: 'error', path: 'overlays[0].patches[0].path', message: expect.stringContaining('does not exist') },
    ]);
    expect(object).toEqual(deployment);
  });
  it('warns of an overlay for an object that is not made', () => {
    expect(applyOverlays([deployment], [{ kind: 'Service', name: 'x', patches: [] }]).problems).toMatchObject([
      { severity: 'warning' },
    ]);
  });
});

it('splits paths with escaped dots', () => {
  expect(parseOverlayPath('webhooks.[name:a\\.b\\.io].clientConfig')).toEqual([
    { kind: 'key', key: 'webhooks' },
    { kind: 'match', key: 'name', value: 'a.b.io' },
    { kind: 'key', key: 'clientConfig' },
  ]);
  expect(() => parseOverlayPath('a.[b')).toThrow(/unclosed/);
});
