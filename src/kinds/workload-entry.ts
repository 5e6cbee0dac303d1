// Istio WorkloadEntry.
import { type WorkloadEntry, WorkloadEntrySchema } from '../gen/networking/v1alpha3/workload_entry_pb.js';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type WorkloadEntryConfig = Config<WorkloadEntry>;

export const workloadEntryKind = istioKind({
  id: 'workloadEntry',
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'WorkloadEntry',
  plural: 'workloadentries',
  schema: WorkloadEntrySchema,
  check: () => [],
});
