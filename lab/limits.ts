// Kernel limits that several clusters on one machine outgrow: raised while labs exist, put back with the last one.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeJson } from './state.ts';

/** A limit and the value that four clusters with their workloads are sure to stay below. */
export interface Limit {
  readonly file: string;
  readonly value: number;
}

// A cluster's processes take about 17 inotify instances of root's 128, and each pod with a watched volume another one.
const LIMITS: readonly Limit[] = [
  { file: '/proc/sys/fs/inotify/max_user_instances', value: 2048 },
  { file: '/proc/sys/fs/inotify/max_user_watches', value: 524_288 },
];

interface Raised extends Limit {
  readonly original: number;
}

/** Raises the limits that are too low, and remembers in `labsDir` what they were. */
export function raiseLimits(labsDir: string, limits: readonly Limit[] = LIMITS): void {
  const remembered = readJson<Raised[]>(record(labsDir)) ?? [];
  const raised = limits.flatMap(({ file, value }): Raised[] => {
    const original = Number(readFileSync(file, 'utf8'));
    return original < value ? [{ file, value, original }] : [];
  });
  // The first original counts: a later one may be the work of another lab.
  const added = raised.filter(({ file }) => !remembered.some((other) => other.file === file));
  if (added.length > 0) writeJson(record(labsDir), [...remembered, ...added]);
  for (const { file, value } of raised) write(file, value);
}

/** Puts back what {@link raiseLimits} changed and nobody changed since. For when no lab is left. */
export function restoreLimits(labsDir: string): void {
  for (const { file, value, original } of readJson<Raised[]>(record(labsDir)) ?? []) {
    if (Number(readFileSync(file, 'utf8')) === value) write(file, original);
  }
  rmSync(record(labsDir), { force: true });
}

function record(labsDir: string): string {
  return join(labsDir, '.limits.json');
}

/** In a container the limits may be read-only: then the machine's owner decides, and a full table will say so. */
function write(file: string, value: number): void {
  try {
    writeFileSync(file, `${value}\n`);
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
