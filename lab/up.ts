// Brings a lab up: dependencies, address plan, network, then all clusters at once.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeProgramImage } from './archive.ts';
import { labUnavailableReason } from './available.ts';
import { type Binaries, buildBinaries } from './build.ts';
import { parseCidr } from './cidr.ts';
import { clusterHealth, FIRST_IMAGES, upCluster } from './cluster.ts';
import { removeLab } from './down.ts';
import { type KubeconfigEntry, kubeconfig } from './kubeconfig.ts';
import { clusterFiles, serverUrl } from './kubernetes.ts';
import { raiseLimits } from './limits.ts';
import { labLock, machineLock, withLock } from './lock.ts';
import { makeMountPoints } from './mount-points.ts';
import { createNetwork, leftoverNetwork, rangesInUse } from './network.ts';
import { isEnterable } from './node.ts';
import { installPackages } from './packages.ts';
import { cacheDir, kubeconfigPath } from './paths.ts';
import { bridgeName, type LabParameters, type LabPlan, parameterProblems, planLab, samePlan } from './plan.ts';
import { bootId } from './proc.ts';
import { knownProcesses } from './processes.ts';
import type { Progress } from './progress.ts';
import { type LabState, listStates, loadState, saveState } from './state.ts';

/** Where a lab is made and how it reports. */
export interface UpOptions {
  readonly labsDir: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Brings a lab up and resolves with its plan. Idempotent: a healthy lab is left alone, a damaged one completed, a dead one replaced. */
export async function bringUp(parameters: LabParameters, options: UpOptions): Promise<LabPlan> {
  const { labsDir, progress, signal } = options;
  const problem = labUnavailableReason() ?? parameterProblems(parameters)[0];
  if (problem) throw new Error(problem);
  const onWait = () => progress.note(`${parameters.name}: waiting for another command on this lab`);
  return withLock(labLock(labsDir, parameters.name), () => bringUpLocked(parameters, options), { signal, onWait });
}

async function bringUpLocked(parameters: LabParameters, { labsDir, progress, signal }: UpOptions): Promise<LabPlan> {
  const { name } = parameters;
  const existing = loadState(join(labsDir, name));
  const alive = existing && (await isStanding(existing));
  if (alive && !samePlan(existing.plan, parameters)) {
    throw new Error(`lab "${name}" is up with other parameters: run "isthmus lab down --name ${name}" first`);
  }
  if (alive && (await isHealthy(existing.plan))) {
    progress.note(`${name}: up and healthy already`);
    return existing.plan;
  }
  mkdirSync(join(cacheDir(), 'lab'), { recursive: true });
  await installPackages(progress, { log: join(cacheDir(), 'lab', 'packages.log'), signal });
  const binaries = await buildBinaries(progress, signal);
  const images = firstImages(binaries);
  const plan = alive ? existing.plan : await startOver(parameters, { labsDir, progress, signal });
  await settleAll(plan.clusters.map((cluster) => upCluster(cluster, { plan, binaries, images, progress, signal })));
  writeFileSync(kubeconfigPath(plan.dir), kubeconfig(plan.clusters.map(adminEntry)), { mode: 0o600 });
  return plan;
}

/** Removes what a dead lab left and makes the network of a new one. */
async function startOver(parameters: LabParameters, { labsDir, progress }: UpOptions): Promise<LabPlan> {
  const { name } = parameters;
  const left = await leftoverNetwork({ name, bridge: bridgeName(name) });
  if (existsSync(join(labsDir, name)) || left.links.length > 0 || left.namespaces.length > 0) {
    progress.note(`${name}: cleaning up what an earlier lab of this name left`);
    await removeLab({ name, labsDir, progress });
  }
  return withLock(machineLock, () =>
    progress.step(`${name}: network`, async () => {
      const others = listStates(labsDir).flatMap(({ plan }) => [plan.network, plan.podCidr].map(parseCidr));
      const plan = planLab(parameters, { labsDir, inUse: [...(await rangesInUse()), ...others] });
      mkdirSync(plan.dir, { recursive: true });
      raiseLimits(labsDir);
      saveState({ plan, madeDirs: makeMountPoints() });
      await createNetwork(plan);
      return plan;
    }),
  );
}

/** Whether all nodes of a lab still stand, so that what is missing can be started in them. */
async function isStanding({ plan, bootId: boot }: LabState): Promise<boolean> {
  if (boot !== bootId()) return false;
  const { links, namespaces } = await leftoverNetwork(plan);
  return (
    links.includes(plan.bridge) &&
    plan.clusters.every((cluster) => namespaces.includes(cluster.netns) && isEnterable(cluster))
  );
}

async function isHealthy(plan: LabPlan): Promise<boolean> {
  if (!existsSync(kubeconfigPath(plan.dir))) return false;
  const health = await Promise.all(plan.clusters.map((cluster) => clusterHealth(cluster, knownProcesses(cluster))));
  return health.every((answer) => answer === true);
}

function firstImages(binaries: Binaries): { pause: string; coredns: string } {
  const archive = (program: 'pause' | 'coredns') => {
    const file = `${binaries[program]}.tar`;
    if (existsSync(file)) return file;
    const part = `${file}.${process.pid}`;
    writeProgramImage({ name: FIRST_IMAGES[program], program: binaries[program], path: `/${program}` }, part);
    renameSync(part, file);
    return file;
  };
  return { pause: archive('pause'), coredns: archive('coredns') };
}

function adminEntry(cluster: LabPlan['clusters'][number]): KubeconfigEntry {
  const files = clusterFiles(cluster);
  const read = (path: string) => readFileSync(path, 'utf8');
  return {
    name: cluster.name,
    user: `${cluster.name}-admin`,
    server: serverUrl(cluster),
    ca: read(files.caCertificate),
    client: { certificate: read(files.adminCertificate), key: read(files.adminKey) },
  };
}

/** Waits for all, then fails with every failure: one cluster's trouble must not leave another half started. */
async function settleAll(works: readonly Promise<void>[]): Promise<void> {
  const failures = (await Promise.allSettled(works)).flatMap((result) =>
    result.status === 'rejected' ? [result.reason as Error] : [],
  );
  if (failures.length > 0) throw new Error(failures.map(({ message }) => message).join('\n'), { cause: failures[0] });
}
