// Checks that every folder of src imports only what the table in ARCHITECTURE.md allows.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

const root = join(import.meta.dirname, '..');
const all = [
  'gen',
  'lib',
  'graph',
  'kinds',
  'model',
  'ingest',
  'view',
  'envoy',
  'xds',
  'ca',
  'inject',
  'install',
  'analyze',
  'simulate',
  'k8s',
];

/** What each folder may import besides itself. */
const allowed: Record<string, readonly string[]> = {
  gen: [],
  lib: [],
  graph: ['lib'],
  kinds: ['gen', 'lib', 'model'],
  model: ['lib'],
  ingest: ['kinds', 'model', 'graph', 'gen', 'lib'],
  view: ['model', 'ingest', 'graph', 'lib'],
  envoy: ['view', 'model', 'ingest', 'graph', 'gen', 'lib'],
  xds: ['gen', 'lib', 'model', 'envoy'],
  ca: ['model', 'lib'],
  inject: ['kinds', 'model', 'lib'],
  install: ['kinds', 'model', 'k8s', 'lib'],
  analyze: ['model', 'view', 'kinds', 'lib'],
  simulate: ['model', 'view', 'kinds', 'lib'],
  k8s: ['kinds', 'model', 'lib'],
  control: all,
  agent: ['gen', 'ca', 'lib'],
  cli: all,
};

const offences: string[] = [];
for (const file of globSync('src/**/*.ts', { cwd: root })) {
  const [, folder = ''] = file.split('/');
  if (folder === 'gen') continue;
  // Tests may reach for the real neighbours; the rule is about what ships.
  if (file.endsWith('.test.ts') || file.includes('/testing/')) continue;
  const text = readFileSync(join(root, file), 'utf8');
  for (const match of text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
    const target = relative('.', normalize(join(dirname(file), match[1]!)));
    const [top, other = ''] = target.split('/');
    if (top !== 'src') offences.push(`${file}: imports ${target}, outside of src`);
    else if (other !== folder && !allowed[folder]?.includes(other))
      offences.push(`${file}: ${folder} may not import ${other} (${match[1]})`);
  }
}
if (offences.length > 0) {
  console.error(offences.join('\n'));
  process.exit(1);
}
