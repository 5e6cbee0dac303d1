// Runs every test and closes with one line: N passed, N failed[, N skipped].
// What does not need the clusters runs while the Kubernetes binary and the images are being built.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { labUnavailableReason } from '../lab/available.ts';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** The list of failures is all that some readers of a long log see: it says why. */
const LINES_OF_A_FAILURE = 25;

const root = join(import.meta.dirname, '..');
const reports = mkdtempSync(join(tmpdir(), 'isthmus-test-'));
const total: Counts = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];
const started = performance.now();
const elapsed = () => `${((performance.now() - started) / 1000).toFixed(0)} s`.padStart(6);

/** Runs a command; its output is shown when it fails, or as it goes when `live`. */
async function run(name: string, command: string, args: string[], { live = false } = {}): Promise<boolean> {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output.push(chunk);
      if (live) process.stdout.write(chunk);
    });
  }
  const code = await new Promise<number>((resolve) => child.on('close', (c) => resolve(c ?? 1)));
  console.log(`[${elapsed()}] ${code === 0 ? 'ok  ' : 'FAIL'} ${name}`);
  if (code !== 0 && !live) console.log(Buffer.concat(output).toString().split('\n').slice(-60).join('\n'));
  return code === 0;
}

/** A check without a test runner of its own counts as one test. */
async function check(name: string, command: string, ...args: string[]): Promise<void> {
  const ok = await run(name, command, args);
  total[ok ? 'passed' : 'failed']++;
  if (!ok) failures.push(name);
}

async function suite(name: string, ...args: string[]): Promise<void> {
  const report = join(reports, `${name.replaceAll('/', '-')}.json`);
  const ok = await run(name, 'vitest', [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile=${report}`,
    ...args,
  ]);
  if (!existsSync(report)) {
    total.failed++;
    failures.push(`${name}: the runner wrote no report`);
    return;
  }
  const result = JSON.parse(readFileSync(report, 'utf8'));
  total.passed += result.numPassedTests;
  total.failed += result.numFailedTests;
  total.skipped += result.numPendingTests + result.numTodoTests;
  let failed = result.numFailedTests;
  for (const file of result.testResults) {
    for (const test of file.assertionResults) {
      if (test.status === 'failed') {
        const why = stripVTControlCharacters(test.failureMessages.join('\n')).split('\n').slice(0, LINES_OF_A_FAILURE);
        failures.push([`${file.name.replace(`${root}/`, '')}: ${test.fullName}`, ...why].join('\n      '));
      }
      if (test.status === 'pending' || test.status === 'skipped') console.log(`         skipped: ${test.fullName}`);
    }
    // A file that cannot be loaded, or whose set-up failed, has no failed test of its own.
    if (file.status === 'failed' && !file.assertionResults.some((t: { status: string }) => t.status === 'failed')) {
      failures.push(`${file.name.replace(`${root}/`, '')}: ${String(file.message).split('\n')[0]}`);
      total.failed++;
      failed++;
    }
  }
  if (!ok && failed === 0) {
    failures.push(`${name}: the runner failed outside of a test`);
    total.failed++;
  }
}

const suites = readdirSync(join(root, 'conformance'), { withFileTypes: true })
  .filter((e) => e.isDirectory() && existsSync(join(root, 'conformance', e.name)))
  .map((e) => e.name);
/** Suites that need clusters, in the order that fails soonest; the others run while the clusters' parts are built. */
const needsLab = ['lab', 'install', 'inject', 'control', 'guide'].filter((name) => suites.includes(name));
const conformance = (name: string) =>
  suite(`conformance/${name}`, '-c', 'vitest.conformance.config.ts', `conformance/${name}/`);

const reason = labUnavailableReason();
const built = reason
  ? Promise.resolve()
  : (async () => {
      await check('lab: Kubernetes and its tools', 'bin/isthmus', 'lab', 'build');
      await check('images', 'node', 'images/build.ts');
    })();

await check('types', 'tsc', '-p', '.');
await check('lint', 'biome', 'check', '.');
await check('import rules', 'node', 'tools/check-imports.ts');
await suite('unit');
for (const name of suites) if (!needsLab.includes(name)) await conformance(name);
await built;
for (const name of needsLab) {
  if (reason) {
    console.log(`[${elapsed()}] skip conformance/${name}: ${reason}`);
    total.skipped++;
  } else await conformance(name);
}
// On CI the clusters must have run: a machine that cannot is a failure there, not a smaller success.
if (reason && process.env.CI) {
  total.failed++;
  failures.push(`the lab must run on CI: ${reason}`);
}

if (failures.length > 0) console.log(`\nfailed:\n${failures.map((f) => `  ${f}`).join('\n')}\n`);
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);
