// The long-running processes of a node: started inside its namespaces, remembered by pid and start time.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { logPath, tailOf } from './logs.ts';
import { nodeEnterArgs } from './node.ts';
import type { ClusterPlan } from './plan.ts';
import { childrenOf, identify, isAlive, type ProcessIdentity } from './proc.ts';
import { readJson, writeJson } from './state.ts';

/** One process of a node. */
export interface ProcessSpec {
  /** Short name: that of its log and its record. */
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Starts a process in the node unless it runs already; resolves when it has been started, not when it is ready. */
export async function startProcess(cluster: ClusterPlan, spec: ProcessSpec): Promise<void> {
  if (runningProcess(cluster, spec.name)) return;
  const log = logPath(cluster, spec.name);
  mkdirSync(dirname(log), { recursive: true });
  if (existsSync(log)) renameSync(log, `${log}.1`);
  const output = openSync(log, 'a');
  const child = spawn('nsenter', [...nodeEnterArgs(cluster), ...spec.command], {
    cwd: cluster.dir,
    detached: true,
    env: { PATH, HOME: '/root', ...spec.env },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  child.unref();
  let ended = false;
  child.once('exit', () => {
    ended = true;
  });
  child.once('error', () => {
    ended = true;
  });
  // nsenter forks into the process namespace and waits: its child is the process.
  for (;;) {
    const identity = child.pid === undefined ? undefined : identify(childrenOf(child.pid)[0] ?? -1);
    if (identity) {
      writeJson(recordPath(cluster, spec.name), identity);
      return;
    }
    if (ended) throw new Error(`${cluster.name}: ${spec.name} ended at once\n${tailOf(log)}`);
    await sleep(10);
  }
}

/** The identity of a process of the node, when it runs. */
export function runningProcess(cluster: ClusterPlan, name: string): ProcessIdentity | undefined {
  const identity = readJson<ProcessIdentity>(recordPath(cluster, name));
  return identity && isAlive(identity) ? identity : undefined;
}

/** Names of the processes that were ever started in the node. */
export function knownProcesses(cluster: ClusterPlan): string[] {
  try {
    return readdirSync(join(cluster.dir, 'run', 'processes'))
      .filter((file) => file.endsWith('.json'))
      .map((file) => file.slice(0, -'.json'.length))
      .sort();
  } catch {
    return [];
  }
}

/** Throws with the end of its log when a process has died: for loops that wait until it is ready. */
export function assertRunning(cluster: ClusterPlan, name: string): void {
  if (runningProcess(cluster, name)) return;
  throw new Error(`${cluster.name}: ${name} died\n${tailOf(logPath(cluster, name))}`);
}

function recordPath(cluster: ClusterPlan, name: string): string {
  return join(cluster.dir, 'run', 'processes', `${name}.json`);
}
