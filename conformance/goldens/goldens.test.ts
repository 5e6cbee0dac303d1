// Real Envoy accepts everything that the golden cases are made of.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, globSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { envoyRegistry } from '../../src/envoy/readable.ts';
import { generate, readCase } from '../../src/envoy/testing/golden-case.ts';
import { references } from '../../src/envoy/testing/references.ts';
import { sdsFile } from '../../src/lib/paths.ts';
import { ensureEnvoy } from '../../tools/envoy.ts';
import { staticBootstrap } from './bootstrap.ts';

const root = join(import.meta.dirname, '../../testdata/envoy');
const cases = globSync('**/input.yaml', { cwd: root }).map(dirname).sort();
const work = mkdtempSync(join(tmpdir(), 'isthmus-goldens-'));

beforeAll(() => {
  // Envoy wants watched files to exist; it does not read them when it only validates.
  for (const name of ['default', 'ROOTCA']) writeFileSync(sdsFile(name, work), '{"resources": []}');
});
afterAll(() => rmSync(work, { recursive: true }));

describe('Envoy accepts', () => {
  test.each(cases)('%s', { timeout: 60_000 }, async (name) => {
    const out = generate(readCase(join(root, name)), { references, sdsDir: work });
    const file = join(work, `${name.replaceAll('/', '-')}.json`);
    writeFileSync(file, JSON.stringify(staticBootstrap(out, await envoyRegistry())));
    const log = join(work, 'log');
    // Access logs may go to /dev/stdout, which must be a file that can be opened.
    const output = openSync(log, 'w');
    const envoy = spawn(await ensureEnvoy(), ['--mode', 'validate', '-c', file, '--log-level', 'error'], {
      stdio: ['ignore', output, output],
    });
    const [code] = await once(envoy, 'close');
    closeSync(output);
    expect(code === 0 ? '' : readFileSync(log, 'utf8')).toBe('');
  });
});
