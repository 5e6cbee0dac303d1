// The workload that a pod belongs to, read from owner references: what the proxy reports as its owner.
import type { Pod } from './pod.ts';
import { annotationsOf, labelsOf } from './pod.ts';
import type { Workload } from './templates/input.ts';

/** Follows the naming of Kubernetes' own controllers one level up: ReplicaSet → Deployment, Job → CronJob. */
export function workloadOf(pod: Pod, namespace: string): Workload {
  const { name, generateName, ownerReferences } = pod.metadata ?? {};
  const owner = ownerReferences?.find((reference) => reference.controller === true);
  const fallback = name || generateName?.replace(/-$/, '') || '';
  if (!owner?.name) return { apiVersion: 'v1', kind: 'Pod', name: fallback, namespace };
  const direct: Workload = {
    apiVersion: owner.apiVersion ?? 'v1',
    kind: owner.kind ?? 'Pod',
    name: owner.name,
    namespace,
  };
  return parent(direct, pod) ?? direct;
}

function parent(direct: Workload, pod: Pod): Workload | undefined {
  const labels = labelsOf(pod);
  if (direct.kind === 'ReplicaSet') {
    const rollout = labels['rollouts-pod-template-hash'];
    if (rollout && direct.name.endsWith(`-${rollout}`)) {
      return { ...direct, apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', name: cut(direct.name, rollout) };
    }
    const hash = labels['pod-template-hash'];
    if (hash && direct.name.endsWith(`-${hash}`)) {
      return { ...direct, apiVersion: 'apps/v1', kind: 'Deployment', name: cut(direct.name, hash) };
    }
  }
  if (direct.kind === 'ReplicationController') {
    const config = annotationsOf(pod)['openshift.io/deployment-config.name'] ?? labels.deploymentconfig;
    if (config) return { ...direct, apiVersion: 'apps.openshift.io/v1', kind: 'DeploymentConfig', name: config };
  }
  // A CronJob names its Jobs by the scheduled minute.
  const scheduled = direct.kind === 'Job' ? /^(.+)-\d{8,10}$/.exec(direct.name) : null;
  return scheduled ? { ...direct, apiVersion: 'batch/v1', kind: 'CronJob', name: scheduled[1]! } : undefined;
}

function cut(name: string, hash: string): string {
  return name.slice(0, -(hash.length + 1));
}
