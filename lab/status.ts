// What runs of a lab, and whether it is healthy.
import { join } from 'node:path';
import { clusterHealth } from './cluster.ts';
import { kubeconfigPath } from './paths.ts';
import type { LabPlan } from './plan.ts';
import { knownProcesses, runningProcess } from './processes.ts';
import { loadState } from './state.ts';

/** State of one cluster of a lab. */
export interface ClusterStatus {
  readonly name: string;
  readonly node: string;
  readonly address: string;
  /** Pid of each process on this machine; undefined when it does not run. */
  readonly processes: Readonly<Record<string, number | undefined>>;
  /** True when everything answers, else what does not. */
  readonly health: true | string;
}

/** State of a lab. */
export interface LabStatus {
  readonly plan: LabPlan;
  readonly kubeconfig: string;
  readonly clusters: readonly ClusterStatus[];
  readonly healthy: boolean;
}

/** Asks every part of a lab; undefined when there is no lab of this name. */
export async function readStatus(name: string, labsDir: string): Promise<LabStatus | undefined> {
  const plan = loadState(join(labsDir, name))?.plan;
  if (!plan) return undefined;
  const clusters = await Promise.all(
    plan.clusters.map(async (cluster): Promise<ClusterStatus> => {
      const names = knownProcesses(cluster);
      return {
        name: cluster.name,
        node: cluster.node,
        address: cluster.address,
        processes: Object.fromEntries(names.map((process) => [process, runningProcess(cluster, process)?.pid])),
        health: names.length === 0 ? 'never started' : await clusterHealth(cluster, names),
      };
    }),
  );
  return {
    plan,
    kubeconfig: kubeconfigPath(plan.dir),
    clusters,
    healthy: clusters.every(({ health }) => health === true),
  };
}

/** A status as text for people. */
export function formatStatus(status: LabStatus): string {
  const lines = status.clusters.flatMap((cluster, i) => {
    const plan = status.plan.clusters[i]!;
    const processes = Object.entries(cluster.processes).map(([name, pid]) => `${name} ${pid ?? 'DEAD'}`);
    return [
      `${cluster.name}  ${cluster.health === true ? 'healthy' : cluster.health}`,
      `  API server     https://${cluster.address}:6443   node ${cluster.node}`,
      `  pods           ${plan.podCidr}   Services ${plan.serviceCidr}   LoadBalancers ${plan.loadBalancerCidr}`,
      `  processes      ${processes.join(', ')}`,
      `  logs           ${join(plan.dir, 'log')}`,
    ];
  });
  return [
    `lab ${status.plan.name}  ${status.healthy ? 'healthy' : 'NOT healthy'}  kubeconfig ${status.kubeconfig}`,
    ...lines,
  ].join('\n');
}
