// testdata/inject/<case>/{input,settings,output}.yaml. UPDATE_GOLDENS=1 writes the outputs anew.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseInjectorConfig } from './config.ts';
import { inject } from './inject.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { injectManifests } from './manifests.ts';
import { parseMesh } from './mesh.ts';
import { normalize } from './normalize.testkit.ts';
import { applyPatch } from './patch.ts';
import type { Pod } from './pod.ts';
import { injectResource, podTemplatesOf, type ResourceSettings } from './resources.ts';
import { parseValues } from './values.ts';
import { readDocuments } from './yaml.ts';

const root = join(import.meta.dirname, '../../testdata/inject');
const cases = readdirSync(root).sort();
const update = process.env.UPDATE_GOLDENS === '1';

describe('goldens of injection', () => {
  for (const name of cases) {
    const input = readFileSync(join(root, name, 'input.yaml'), 'utf8');

    it(name, () => {
      const { output, notes, errors } = injectManifests(input, 'input.yaml', settingsOf(name));
      expect(errors).toEqual([]);
      const text = [...notes.map((note) => `# ${note}\n`), output].join('');
      const file = join(root, name, 'output.yaml');
      if (update) writeFileSync(file, text);
      expect(text).toBe(readFileSync(file, 'utf8'));
    });

    it(`${name}: injecting again changes nothing`, () => {
      const settings = settingsOf(name);
      for (const document of readDocuments(input)) {
        const once = injectResource(document.toJS(), settings).object;
        expect(normalize(injectResource(once, settings).object)).toEqual(normalize(once));
      }
    });

    it(`${name}: the patch leads to the pod`, () => {
      const settings = settingsOf(name);
      for (const pod of readDocuments(input).flatMap((document) => podTemplatesOf(document.toJS()))) {
        const before = structuredClone(pod);
        const result = inject({ ...settings, pod: pod as Pod, namespace: { name: 'default' } });
        expect(applyPatch(pod as JsonValue, result.patch)).toEqual(result.pod);
        expect(pod).toEqual(before);
      }
    });
  }
});

function settingsOf(name: string): ResourceSettings {
  const file = join(root, name, 'settings.yaml');
  const given = (existsSync(file) ? parse(readFileSync(file, 'utf8')) : {}) as JsonObject;
  const config = parseInjectorConfig(given.config);
  const values = parseValues(given.values);
  const mesh = parseMesh(given.mesh);
  expect([...config.problems, ...values.problems, ...mesh.problems]).toEqual([]);
  return {
    config: config.config,
    values: values.values,
    mesh: mesh.mesh,
    revision: (given.revision as string) ?? '',
    cluster: {
      nativeSidecars: (given.nativeSidecars as boolean) ?? true,
      env: (given.env as Record<string, string>) ?? {},
    },
    namespace: 'default',
  };
}
