// Generates src/gen from the API descriptors inside the pinned Go modules. Does nothing when the inputs have not changed.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const inputs = ['tools/descriptors/go.mod', 'tools/descriptors/main.go', 'tools/buf.gen.yaml', 'package-lock.json'];
const stamp = createHash('sha256')
  .update(inputs.map((f) => readFileSync(join(root, f))).join('\0'))
  .digest('hex');
const stampFile = join(root, 'src/gen/.stamp');

if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) process.exit(0);

const run = (cmd: string, args: string[], cwd: string) =>
  execFileSync(cmd, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
mkdirSync(join(root, '.cache'), { recursive: true });
rmSync(join(root, 'src/gen'), { recursive: true, force: true });
run('go', ['mod', 'download'], join(root, 'tools/descriptors'));
run('go', ['run', '.', join(root, '.cache/api.binpb')], join(root, 'tools/descriptors'));
run(join(root, 'node_modules/.bin/buf'), ['generate', '--template', 'tools/buf.gen.yaml'], root);
writeFileSync(stampFile, stamp);
