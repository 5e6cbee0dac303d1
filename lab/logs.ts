// Logs of the lab's processes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterPlan } from './plan.ts';

/** Path of a process's log. */
export function logPath(cluster: ClusterPlan, process: string): string {
  return join(cluster.dir, 'log', `${process}.log`);
}

/** The last lines of a log and its path, for an error message. */
export function tailOf(path: string, lines = 12): string {
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // No log yet: its path says enough.
  }
  const last = text.trimEnd().split('\n').slice(-lines);
  return [...last.filter(Boolean).map((line) => `    ${line}`), `log: ${path}`].join('\n');
}
