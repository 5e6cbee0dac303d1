// The lab for programs: tests and the demo use these functions.
import { join } from 'node:path';
import { removeLab } from './down.ts';
import { importArchive } from './images.ts';
import { labLock, withLock } from './lock.ts';
import { nodeEnterArgs } from './node.ts';
import { labsDir as defaultLabsDir } from './paths.ts';
import type { ClusterPlan, LabParameters, LabPlan } from './plan.ts';
import { type Progress, silent } from './progress.ts';
import { type RunOptions, type RunResult, run } from './run.ts';
import { listStates, loadState } from './state.ts';
import { type LabStatus, readStatus } from './status.ts';
import { bringUp } from './up.ts';

/** Options that every function here takes. */
export interface LabOptions {
  /** Where labs are kept; see `labsDir` in paths.ts. */
  readonly labsDir?: string;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/** Brings a lab up; resolves when it is healthy. */
export function labUp(parameters: LabParameters, options: LabOptions = {}): Promise<LabPlan> {
  return bringUp(parameters, { labsDir: defaultLabsDir(), progress: silent, ...options });
}

/** Takes a lab down and leaves nothing of it; does nothing when there is none. */
export async function labDown(
  name: string,
  { labsDir = defaultLabsDir(), progress = silent, signal }: LabOptions = {},
): Promise<void> {
  await withLock(labLock(labsDir, name), () => removeLab({ name, labsDir, progress }), { signal });
}

/** What runs of a lab; undefined when there is none of this name. */
export function labStatus(
  name: string,
  { labsDir = defaultLabsDir() }: LabOptions = {},
): Promise<LabStatus | undefined> {
  return readStatus(name, labsDir);
}

/** The plan of an existing lab. Throws when there is none. */
export function labPlan(name: string, { labsDir = defaultLabsDir() }: LabOptions = {}): LabPlan {
  const state = loadState(join(labsDir, name));
  if (!state) throw new Error(noSuchLab(name, labsDir));
  return state.plan;
}

/** Says that there is no lab of a name, which ones there are, and how to make it. */
export function noSuchLab(name: string, labsDir: string): string {
  const others = listStates(labsDir).map(({ plan }) => plan.name);
  const known = others.length > 0 ? ` (there are: ${others.join(', ')})` : '';
  return `there is no lab "${name}" in ${labsDir}${known}; run "isthmus lab up --name ${name}"`;
}

/** Imports a docker-archive tar into clusters (all of the lab when none are named); resolves with the names of those that lacked it. */
export async function labLoadImage(
  name: string,
  file: string,
  { clusters, ...options }: LabOptions & { clusters?: readonly string[] } = {},
): Promise<string[]> {
  const targets = selectClusters(labPlan(name, options), clusters);
  const imported = await Promise.all(targets.map((cluster) => importArchive(cluster, file, options.signal)));
  return targets.filter((_, i) => imported[i]).map((cluster) => cluster.name);
}

/** Runs a command in a cluster's network namespace, with the host's files. */
export function labExec(
  cluster: ClusterPlan,
  command: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return run('nsenter', [...nodeEnterArgs(cluster, { only: 'net' }), ...command], options);
}

/** Clusters of a lab by name. Throws on a name that the lab does not have. */
export function selectClusters(plan: LabPlan, names?: readonly string[]): ClusterPlan[] {
  if (!names || names.length === 0) return [...plan.clusters];
  return names.map((name) => {
    const found = plan.clusters.find((cluster) => cluster.name === name);
    if (!found)
      throw new Error(`lab "${plan.name}" has no ${name}: it has ${plan.clusters.map((c) => c.name).join(', ')}`);
    return found;
  });
}
