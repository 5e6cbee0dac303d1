// Makes every record of docs/performance anew, one measurement after another, and the page of them: `node bench/record.ts [NAME …]`. As root,
// on a machine that does nothing else, about eight minutes. Through a Kubernetes API server and beside another control plane only by
// hand: these need a cluster and a process (docs/performance.md).
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const MEASUREMENTS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  mesh: [['bench/run.ts', '--growth', '--record']],
  small: [['bench/run.ts', '--quick', '--record']],
  ingest: [['bench/ingest.ts', '--record']],
  agent: [
    ['bench/agent/memory.ts', '--record'],
    ['bench/agent/memory.ts', '--probes', '--record'],
  ],
  sidecar: [['bench/sidecar.ts', '--record']],
  envoy: [['bench/envoy-memory.ts', '--record']],
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in MEASUREMENTS));
if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: there are ${Object.keys(MEASUREMENTS).join(', ')}`);

const root = join(import.meta.dirname, '..');
const node = (args: readonly string[]): void => {
  console.log(`\n$ node ${args.join(' ')}`);
  // The agent's measurement ends with 1 when it is over its limit; it is recorded all the same.
  spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], { cwd: root, stdio: 'inherit' });
};
for (const [name, runs] of Object.entries(MEASUREMENTS)) {
  if (asked.length === 0 || asked.includes(name)) runs.forEach(node);
}
node(['bench/document.ts']);
