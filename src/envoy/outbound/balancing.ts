// How requests are spread over a cluster's endpoints.
import { type ClusterSchema, Cluster_LbPolicy as LbPolicy } from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import type { OutboundCluster } from '../../view/outbound-cluster.ts';
import { duration, type Init } from '../any.ts';

type ClusterInit = Init<typeof ClusterSchema>;

export function balancing(options: { cluster: OutboundCluster; localityWeighted: boolean }): ClusterInit {
  const { policy, clientAffinity } = options.cluster;
  const common: ClusterInit = {
    commonLbConfig: {
      ...(policy.outlier && { healthyPanicThreshold: { value: policy.outlier.minHealthPercent } }),
      ...(options.localityWeighted && {
        localityConfigSpecifier: { case: 'localityWeightedLbConfig' as const, value: {} },
      }),
    },
  };
  const fields = policy.outlier || options.localityWeighted ? common : {};
  return { ...fields, ...algorithm(policy.loadBalancer, clientAffinity) };
}

function algorithm(lb: OutboundCluster['policy']['loadBalancer'], clientAffinity: boolean): ClusterInit {
  if (!lb) {
    return clientAffinity
      ? { lbPolicy: LbPolicy.RING_HASH, lbConfig: { case: 'ringHashLbConfig', value: { minimumRingSize: 1024n } } }
      : { lbPolicy: LbPolicy.LEAST_REQUEST };
  }
  switch (lb.kind) {
    case 'round-robin':
      return {
        lbPolicy: LbPolicy.ROUND_ROBIN,
        ...(lb.warmupMs > 0 && {
          lbConfig: { case: 'roundRobinLbConfig' as const, value: { slowStartConfig: slowStart(lb.warmupMs) } },
        }),
      };
    case 'random':
      return { lbPolicy: LbPolicy.RANDOM };
    case 'hash':
      return lb.algorithm.kind === 'maglev'
        ? {
            lbPolicy: LbPolicy.MAGLEV,
            ...(lb.algorithm.tableSize > 0 && {
              lbConfig: { case: 'maglevLbConfig' as const, value: { tableSize: BigInt(lb.algorithm.tableSize) } },
            }),
          }
        : {
            lbPolicy: LbPolicy.RING_HASH,
            lbConfig: { case: 'ringHashLbConfig', value: { minimumRingSize: BigInt(lb.algorithm.minimumSize) } },
          };
    default:
      return {
        lbPolicy: LbPolicy.LEAST_REQUEST,
        ...(lb.warmupMs > 0 && {
          lbConfig: { case: 'leastRequestLbConfig' as const, value: { slowStartConfig: slowStart(lb.warmupMs) } },
        }),
      };
  }
}

const slowStart = (ms: number) => ({ slowStartWindow: duration(ms) });
