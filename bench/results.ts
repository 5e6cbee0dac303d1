// What measurements leave behind: files of results with the machine and the versions they were made with. Those that
// docs/performance.md shows are in docs/performance/, so that its tables and plots can be made again by one command.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
export const RECORDS = join(ROOT, 'docs/performance');

export interface Provenance {
  /** ISO date and time of the end of the measurement. */
  readonly at: string;
  /** How to make it again. */
  readonly command: string;
  /** Abbreviated commit; a plus sign stands for changes that are not in it. */
  readonly commit: string;
  readonly machine: Machine;
  /** Load average of the minute before the measurement: of a machine that does nothing else it is near 0. */
  readonly loadBefore?: number;
  /** Milliseconds that a fixed computation took before and after: cores that others use besides are slower. */
  readonly computation?: readonly [before: number, after: number];
}

export interface Machine {
  readonly cpus: number;
  readonly model: string;
  /** Bytes. */
  readonly memory: number;
  readonly kernel: string;
  readonly node: string;
}

/** The names of the files in docs/performance. */
export const RECORD_NAMES = ['mesh', 'small', 'kubernetes', 'beside', 'ingest', 'agent', 'sidecar', 'envoy'] as const;
export type RecordName = (typeof RECORD_NAMES)[number];

const loadBefore = loadavg()[0]!;
const computationBefore = computation();

/** Milliseconds of the same work each time, the least of some. */
function computation(): number {
  const once = (): number => {
    const begun = performance.now();
    let sum = 0;
    for (let i = 0; i < 40_000_000; i++) sum = (sum + Math.imul(i, sum)) | 0;
    // The sum is used, or all of it could be left out.
    return performance.now() - begun + (sum === 1 ? 1 : 0);
  };
  return Math.min(...Array.from({ length: 5 }, once));
}

/** Says where and with what this process measures. */
export function provenance(): Provenance {
  const machine: Machine = {
    cpus: cpus().length,
    model: cpus()[0]?.model ?? 'unknown',
    memory: totalmem(),
    kernel: release(),
    node: process.version,
  };
  const script = process.argv[1]!.replace(`${ROOT}/`, '');
  const flags = process.argv.slice(2).filter((flag) => flag !== '--record');
  return {
    at: new Date().toISOString(),
    command: ['node', script, ...flags.map((flag) => (/\s/.test(flag) ? `'${flag}'` : flag))].join(' '),
    commit: commit(),
    machine,
    loadBefore,
    computation: [computationBefore, computation()],
  };
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', ROOT, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '-uno', '--', 'src') ? '+' : '');
  } catch {
    return 'unknown';
  }
}

export const recordFile = (name: RecordName): string => join(RECORDS, `${name}.jsonl`);

/** Where results go that nobody asked to keep. */
export function cacheFile(name: string): string {
  const { ISTHMUS_CACHE, XDG_CACHE_HOME, HOME } = process.env;
  return join(ISTHMUS_CACHE ?? join(XDG_CACHE_HOME ?? `${HOME}/.cache`, 'isthmus'), `bench/${name}.jsonl`);
}

/** Writes results: JSON lines, the first with the provenance, then one for each result, so that changes can be read. */
export function writeResults(file: string, results: readonly object[]): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, [provenance(), ...results].map((line) => `${JSON.stringify(line, rounded)}\n`).join(''));
}

/** Five digits are more than any of these figures is good for. */
const rounded = (_: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;

export interface Recorded<T> {
  readonly from: Provenance;
  readonly results: readonly T[];
}

/** A record, if it has been made. */
export function readRecord<T>(name: RecordName): Recorded<T> | undefined {
  const file = recordFile(name);
  if (!existsSync(file)) return undefined;
  const [from, ...results] = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  return { from: from as Provenance, results: results as T[] };
}
