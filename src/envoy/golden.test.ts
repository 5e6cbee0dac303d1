// Goldens: what the objects of testdata/<feature>/input.yaml become. UPDATE_GOLDENS=1 rewrites them and deletes stale ones.
import { existsSync, globSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asJson, asYaml, envoyRegistry } from './readable.ts';
import { type Encoded, TYPE_URL } from './resource.ts';
import { generate, readCase } from './testing/golden-case.ts';
import { references } from './testing/references.ts';

const root = join(import.meta.dirname, '../../testdata/envoy');
const update = process.env.UPDATE_GOLDENS === '1';
const cases = globSync('**/input.yaml', { cwd: root }).map(dirname).sort();
const types = await envoyRegistry();

test('there are cases', () => expect(cases.length).toBeGreaterThan(0));

describe.each(cases)('%s', (name) => {
  const folder = join(root, name);
  const out = generate(readCase(folder), { references });
  const yaml = (typeUrl: string, list: readonly Encoded[]) =>
    list.length > 0 ? asYaml(list.map((r) => asJson(types, typeUrl, r))) : '';
  const stages: Record<string, string> = {
    'clusters.yaml': yaml(TYPE_URL.cluster, out.clusters),
    'endpoints.yaml': yaml(TYPE_URL.endpoints, out.endpoints),
    'listeners.yaml': yaml(TYPE_URL.listener, out.listeners),
    'routes.yaml': yaml(TYPE_URL.route, out.routes),
    'extensions.yaml': yaml(TYPE_URL.extension, out.extensions),
    'virtual-hosts.yaml': yaml(TYPE_URL.virtualHost, out.virtualHosts),
    'problems.yaml':
      out.problems.length > 0 ? asYaml(out.problems.map((p) => ({ ...p, object: p.object?.name ?? '' }))) : '',
  };

  for (const [file, text] of Object.entries(stages)) {
    const path = join(folder, file);
    if (update) {
      if (text) writeFileSync(path, text);
      else rmSync(path, { force: true });
    }
    test(file, () => expect(text).toBe(existsSync(path) ? readFileSync(path, 'utf8') : ''));
  }

  test('no stale goldens', () => {
    const known = new Set([...Object.keys(stages), 'input.yaml']);
    const stale = readdirSync(folder, { withFileTypes: true }).filter((f) => f.isFile() && !known.has(f.name));
    if (update) for (const { name: file } of stale) rmSync(join(folder, file));
    expect(update ? [] : stale.map((f) => basename(f.name))).toEqual([]);
  });
});
