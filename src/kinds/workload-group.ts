// Istio WorkloadGroup.
import { type WorkloadGroup, WorkloadGroupSchema } from '../gen/networking/v1alpha3/workload_group_pb.js';
import { checkLabels, Findings } from './checks.ts';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';
import { checkWorkload } from './workload-entry.ts';

export type WorkloadGroupConfig = Config<WorkloadGroup>;

export const workloadGroupKind = istioKind({
  id: 'workloadGroup',
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'WorkloadGroup',
  plural: 'workloadgroups',
  schema: WorkloadGroupSchema,
  check(spec) {
    const f = new Findings();
    if (f.require(spec.template, 'missing-field', 'spec.template', 'Give a template for the workloads.')) {
      checkWorkload(f, spec.template!, 'spec.template');
    }
    checkLabels(f, spec.metadata?.labels ?? {}, 'spec.metadata.labels');
    f.require(
      !spec.probe || spec.probe.healthCheckMethod.case,
      'missing-field',
      'spec.probe',
      'Say how to check the health: httpGet, tcpSocket, exec or grpc.',
    );
    return f.problems;
  },
});
