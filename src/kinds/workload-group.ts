// Istio WorkloadGroup.
import { type WorkloadGroup, WorkloadGroupSchema } from '../gen/networking/v1alpha3/workload_group_pb.js';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type WorkloadGroupConfig = Config<WorkloadGroup>;

export const workloadGroupKind = istioKind({
  id: 'workloadGroup',
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'WorkloadGroup',
  plural: 'workloadgroups',
  schema: WorkloadGroupSchema,
  check: () => [],
});
