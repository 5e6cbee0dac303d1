// The fast loop: types, lint, import rules, unit and golden tests, side by side where they do not need each other.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const steps: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['types', 'tsc', '-p', '.'],
  ['lint', 'biome', 'check', '.'],
  ['imports', 'node', 'tools/check-imports.ts'],
  ['unit', 'vitest', 'run', '--reporter=dot'],
];

const started = performance.now();
const results = await Promise.all(
  steps.map(async ([name, command, ...args]) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const output: Buffer[] = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    const code = await new Promise<number>((resolve) => child.on('close', (c) => resolve(c ?? 1)));
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${name.padEnd(8)} ${seconds} s`);
    if (code !== 0) console.log(Buffer.concat(output).toString());
    return code;
  }),
);
process.exit(results.every((code) => code === 0) ? 0 : 1);
