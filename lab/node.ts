// A cluster's node: namespaces for network, mounts, processes and host name, held open by one small init process.
// Killing that process ends everything in the node, and its mounts vanish with their namespace.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { logPath, tailOf } from './logs.ts';
import { PRIVATE_DIRS } from './mount-points.ts';
import { netnsPath } from './network.ts';
import type { ClusterPlan } from './plan.ts';
import { childrenOf, identify, isAlive, namespaceOf, type ProcessIdentity } from './proc.ts';
import { readJson, writeJson } from './state.ts';

/** The node's init process, when it runs. */
export function nodeInit(cluster: ClusterPlan): ProcessIdentity | undefined {
  const identity = readJson<ProcessIdentity>(initFile(cluster));
  return identity && isAlive(identity) ? identity : undefined;
}

/** Starts the node's namespaces; `init` is the program that holds them. Expects the network namespace to exist. */
export async function startNode(cluster: ClusterPlan, init: string, signal?: AbortSignal): Promise<void> {
  const ready = join(cluster.dir, 'run', 'namespaces-ready');
  const log = logPath(cluster, 'node');
  for (const dir of ['run', 'log', 'private']) mkdirSync(join(cluster.dir, dir), { recursive: true });
  rmSync(ready, { force: true });
  const mounts = PRIVATE_DIRS.map((dir) => {
    const own = join(cluster.dir, 'private', dir.replaceAll('/', '-').slice(1));
    mkdirSync(own, { recursive: true });
    return `mount --bind ${own} ${dir}`;
  });
  const script = ['mount --make-rshared /', ...mounts, `hostname ${cluster.node}`, `echo > ${ready}`, `exec ${init}`];
  const output = openSync(log, 'a');
  const args = [
    `--net=${netnsPath(cluster.netns)}`,
    ...['unshare', '--mount', '--propagation', 'slave', '--uts', '--ipc', '--pid', '--fork', '--mount-proc'],
    ...['sh', '-ec', script.join('\n')],
  ];
  const child = spawn('nsenter', args, { detached: true, stdio: ['ignore', output, output], cwd: '/' });
  closeSync(output);
  child.unref();
  let ended = false;
  child.once('exit', () => {
    ended = true;
  });
  child.once('error', () => {
    ended = true;
  });
  while (!existsSync(ready)) {
    if (ended) throw new Error(`${cluster.name}: the node's namespaces could not be made\n${tailOf(log)}`);
    await sleep(20, undefined, { signal });
  }
  const identity = identify(childrenOf(child.pid!)[0] ?? -1);
  if (!identity) throw new Error(`${cluster.name}: the node's init process ended at once\n${tailOf(log)}`);
  writeJson(initFile(cluster), identity);
}

/** Whether the node can be entered. One whose init process was killed cannot, even while its last processes are ending. */
export function isEnterable(cluster: ClusterPlan): boolean {
  const init = nodeInit(cluster);
  return init !== undefined && namespaceOf(init.pid, 'mnt') !== undefined;
}

/** The `nsenter` arguments that enter the node; its network alone when `only` says so. Throws when the node is down. */
export function nodeEnterArgs(cluster: ClusterPlan, { only }: { only?: 'net' } = {}): string[] {
  if (only === 'net') return [`--net=${netnsPath(cluster.netns)}`];
  const init = nodeInit(cluster);
  if (!init) throw new Error(`${cluster.name}: the node is not running; run "isthmus lab up"`);
  return [`--target=${init.pid}`, '--mount', '--uts', '--ipc', '--net', '--pid'];
}

function initFile(cluster: ClusterPlan): string {
  return join(cluster.dir, 'run', 'init.json');
}
