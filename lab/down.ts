// Takes a lab down: processes, containers, mounts, namespaces, interfaces, cgroups and files. Works from the lab's name
// alone, so that it also cleans what a crash left, and may be repeated.
import { existsSync, readdirSync, readFileSync, realpathSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { restoreLimits } from './limits.ts';
import { releaseMountPoints } from './mount-points.ts';
import { netnsPath, removeNetwork } from './network.ts';
import { nodeInit } from './node.ts';
import { bridgeName, MAX_CLUSTERS, netnsName } from './plan.ts';
import { isAlive, namespaceOfFile, ownLineage, pidsInNamespaces } from './proc.ts';
import type { Progress } from './progress.ts';
import { tryRun } from './run.ts';
import { listStates, loadState } from './state.ts';

const CGROUPS = '/sys/fs/cgroup';
const KILL_TIMEOUT_MS = 20_000;

/** Removes everything of the lab `name`; resolves when nothing is left and rejects with what is. */
export async function removeLab({
  name,
  labsDir,
  progress,
}: {
  name: string;
  labsDir: string;
  progress: Progress;
}): Promise<void> {
  const dir = join(labsDir, name);
  const state = loadState(dir);
  await progress.step(`${name}: stop processes and containers`, () => killAll(name, dir));
  await progress.step(`${name}: remove mounts, interfaces and cgroups`, async () => {
    await unmountBelow(dir);
    await removeNetwork({ name, bridge: bridgeName(name) });
    for (const cgroup of labCgroups(name)) await removeCgroup(cgroup);
  });
  if (mountsBelow(dir).length > 0) throw new Error(`still mounted below ${dir}: ${mountsBelow(dir).join(', ')}`);
  rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  await releaseMountPoints(state?.madeDirs ?? [], { labsDir });
  if (listStates(labsDir).length === 0) restoreLimits(labsDir);
  removeEmpty(labsDir);
}

/** Pids that belong to a lab: in its network namespaces or in its pods' cgroups, and its nodes' init processes. */
export function labPids(name: string, labDir: string): number[] {
  const inits = (loadState(labDir)?.plan.clusters ?? []).flatMap((cluster) => nodeInit(cluster)?.pid ?? []);
  const namespaces = indexes().flatMap((index) => namespaceOfFile(netnsPath(netnsName(name, index)), 'net') ?? []);
  const spared = ownLineage();
  const pids = new Set([...inits, ...pidsInNamespaces(new Set(namespaces)), ...labCgroups(name).flatMap(pidsBelow)]);
  return [...pids].filter((pid) => !spared.has(pid));
}

/** Directories of the lab's cgroups in every hierarchy. */
export function labCgroups(name: string): string[] {
  const hierarchies = [CGROUPS, ...subdirectories(CGROUPS)];
  const names = new Set(indexes().map((index) => netnsName(name, index)));
  return [...new Set(hierarchies.map(realOf))].flatMap((hierarchy) =>
    subdirectories(hierarchy).filter((path) => names.has(path.slice(path.lastIndexOf('/') + 1))),
  );
}

/** The init process goes first: with it the kernel ends all that runs in the node, containers included. */
async function killAll(name: string, labDir: string): Promise<void> {
  const inits = (loadState(labDir)?.plan.clusters ?? []).flatMap((cluster) => nodeInit(cluster) ?? []);
  for (const { pid } of inits) kill(pid);
  const deadline = performance.now() + KILL_TIMEOUT_MS;
  for (;;) {
    const pids = labPids(name, labDir);
    if (pids.length === 0 && !inits.some(isAlive)) return;
    if (performance.now() > deadline) throw new Error(`processes that do not end: ${pids.join(', ')}`);
    for (const pid of pids) kill(pid);
    await sleep(50);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function unmountBelow(dir: string): Promise<void> {
  for (const path of mountsBelow(dir).toReversed()) await tryRun('umount', ['--lazy', path]);
}

/** Mount points below a directory, in the order in which they were mounted. */
export function mountsBelow(dir: string): string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) =>
      (line.split(' ')[1] ?? '').replace(/\\([0-7]{3})/g, (_, code: string) =>
        String.fromCharCode(Number.parseInt(code, 8)),
      ),
    )
    .filter((path) => path.startsWith(`${dir}/`));
}

/** Removes a cgroup with all below; a cgroup stays busy for a moment after its last process ended. */
async function removeCgroup(path: string): Promise<void> {
  for (const child of subdirectories(path)) await removeCgroup(child);
  for (let attempt = 0; existsSync(path); attempt++) {
    try {
      rmdirSync(path);
    } catch (error) {
      if (attempt === 50) throw error;
      await sleep(50);
    }
  }
}

function pidsBelow(cgroup: string): number[] {
  try {
    const own = readFileSync(join(cgroup, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
    return [...own, ...subdirectories(cgroup).flatMap(pidsBelow)];
  } catch {
    // The cgroup went away, or is one of another kind: nothing to end in it.
    return [];
  }
}

function subdirectories(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() || entry.isSymbolicLink() ? [join(path, entry.name)] : [],
    );
  } catch {
    return [];
  }
}

function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function removeEmpty(dir: string): void {
  try {
    rmdirSync(dir);
    if (dirname(dir) === '/var/lib/isthmus') rmdirSync(dirname(dir));
  } catch {
    // Not empty: someone else's things are in it.
  }
}

function indexes(): number[] {
  return Array.from({ length: MAX_CLUSTERS }, (_, i) => i + 1);
}
