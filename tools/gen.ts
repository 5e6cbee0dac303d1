// Generates src/gen (API types and CRDs) from the pinned Go modules. Does nothing when the inputs have not changed.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const modules = join(root, 'tools/descriptors');
const inputs = ['tools/descriptors/go.mod', 'tools/descriptors/main.go', 'tools/buf.gen.yaml', 'tools/gen.ts'];
const stamp = createHash('sha256')
  .update(inputs.map((f) => readFileSync(join(root, f))).join('\0'))
  .digest('hex');
const stampFile = join(root, 'src/gen/.stamp');

if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) process.exit(0);

const run = (cmd: string, args: string[], cwd: string) =>
  execFileSync(cmd, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });

mkdirSync(join(root, '.cache'), { recursive: true });
rmSync(join(root, 'src/gen'), { recursive: true, force: true });
run('go', ['mod', 'download'], modules);
run('go', ['run', '.', join(root, '.cache/api.binpb')], modules);
run(join(root, 'node_modules/.bin/buf'), ['generate', '--template', 'tools/buf.gen.yaml'], root);

const istio = run('go', ['list', '-m', '-f', '{{.Dir}}', 'istio.io/api'], modules).trim();
copyFileSync(join(istio, 'kubernetes/customresourcedefinitions.gen.yaml'), join(root, 'src/gen/crds.yaml'));
// The module cache is read-only; the copy has to be removable by the next run.
chmodSync(join(root, 'src/gen/crds.yaml'), 0o644);
writeFileSync(stampFile, stamp);
