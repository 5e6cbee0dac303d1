// The manifests of each testdata/install/NAME.yaml are those in NAME.manifests.yaml. UPDATE_GOLDENS=1 rewrites them.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { inApplyOrder, nameOf } from '../k8s/apply.ts';
import { generate } from './generate.ts';
import { type Manifest, objectAt } from './json.ts';
import { resolve } from './resolve.ts';

const dir = join(import.meta.dirname, '../../testdata/install');
const suffix = '.manifests.yaml';
const files = readdirSync(dir);
const inputs = files.filter((file) => file.endsWith('.yaml') && !file.endsWith(suffix));
const update = process.env.UPDATE_GOLDENS === '1';

/** CRDs come as they are from the API's module; one stands for all. */
const crds = [
  { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'things.example.com' } },
];

function render(file: string): string {
  const { installation, problems } = resolve({ files: [{ name: file, text: readFileSync(join(dir, file), 'utf8') }] });
  expect(problems).toEqual([]);
  const { components, problems: more } = generate({ installation: installation!, crds });
  expect(more).toEqual([]);
  const objects = components.flatMap((component) => inApplyOrder(component.objects));
  return objects
    .map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false, blockQuote: 'literal' }))
    .join('---\n');
}

describe('manifests', () => {
  it.each(inputs)('%s', (file) => {
    const golden = join(dir, file.replace('.yaml', suffix));
    const text = render(file);
    if (update) writeFileSync(golden, text);
    expect(existsSync(golden), `${golden} is missing; UPDATE_GOLDENS=1 writes it`).toBe(true);
    expect(text).toBe(readFileSync(golden, 'utf8'));
  });

  it('every golden has its input', () => {
    const stale = files.filter((file) => file.endsWith(suffix) && !inputs.includes(file.replace(suffix, '.yaml')));
    if (update) for (const file of stale) rmSync(join(dir, file));
    expect(update ? [] : stale).toEqual([]);
  });
});

describe('objects', () => {
  const objects = (file: string) => {
    const { installation } = resolve({ files: [{ name: file, text: readFileSync(join(dir, file), 'utf8') }] });
    return generate({ installation: installation!, crds }).components.flatMap((component) => component.objects);
  };

  it('are named once in every installation', () => {
    for (const file of inputs) {
      const names = objects(file).map(nameOf);
      expect(new Set(names).size).toBe(names.length);
    }
  });

  it('of the east-west installation and of the first one never share a name', () => {
    const first = new Set(objects('primary.yaml').map(nameOf));
    expect(objects('eastwest.yaml').filter((object) => first.has(nameOf(object)))).toEqual([]);
  });

  it('of two revisions never select each other', () => {
    const pods = (file: string) =>
      objects(file).find(({ kind, metadata }) => kind === 'Deployment' && metadata.name.startsWith('istiod'));
    const [first, canary] = [pods('primary.yaml'), pods('revision.yaml')];
    const labels = (object: Manifest | undefined) => objectAt(object, 'spec.template.metadata.labels');
    const selects = (object: Manifest | undefined, other: Manifest | undefined) =>
      Object.entries(objectAt(object, 'spec.selector.matchLabels')).every(
        ([key, value]) => labels(other)[key] === value,
      );
    expect([selects(first, first), selects(canary, canary)]).toEqual([true, true]);
    expect([selects(first, canary), selects(canary, first)]).toEqual([false, false]);
  });

  it('give a remote reader no Secrets and only the one ConfigMap', () => {
    const role = objects('remote-address.yaml').find(({ kind }) => kind === 'ClusterRole') as unknown as {
      rules: { resources: string[]; verbs: string[]; resourceNames?: string[] }[];
    };
    const about = (resource: string) =>
      role.rules.filter(({ resources }) => resources.some((r) => r === resource || r === '*'));
    expect(about('secrets')).toEqual([]);
    expect(about('configmaps').map(({ verbs, resourceNames }) => [verbs.includes('get'), resourceNames])).toEqual([
      [false, undefined],
      [true, ['istio-ca-root-cert']],
    ]);
  });
});
