// Ejection of endpoints that keep failing.
import type { ClusterSchema } from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import type { OutlierDetection } from '../../model/traffic.ts';
import { duration, type Init } from '../any.ts';

/** The cluster's fields for a rule's outlierDetection. Unset numbers take Envoy's defaults; success-rate ejection is off. */
export function outlierDetection(o: OutlierDetection): Init<typeof ClusterSchema> {
  return {
    outlierDetection: {
      ...(o.intervalMs !== undefined && { interval: duration(o.intervalMs) }),
      ...(o.baseEjectionMs !== undefined && { baseEjectionTime: duration(o.baseEjectionMs) }),
      ...(o.maxEjectionPercent !== undefined && { maxEjectionPercent: o.maxEjectionPercent }),
      // SuccessRate is not in the API: it stays off, so that only what the rule says ejects.
      enforcingSuccessRate: 0,
      ...(o.consecutive5xx !== undefined && {
        consecutive5xx: o.consecutive5xx,
        enforcingConsecutive5xx: o.consecutive5xx > 0 ? 100 : 0,
      }),
      ...(o.consecutiveGateway !== undefined && {
        consecutiveGatewayFailure: o.consecutiveGateway,
        enforcingConsecutiveGatewayFailure: o.consecutiveGateway > 0 ? 100 : 0,
      }),
      ...(o.splitExternalLocalOriginErrors && {
        splitExternalLocalOriginErrors: true,
        ...(o.consecutiveLocalOrigin !== undefined && {
          consecutiveLocalOriginFailure: o.consecutiveLocalOrigin,
          enforcingConsecutiveLocalOriginFailure: o.consecutiveLocalOrigin > 0 ? 100 : 0,
        }),
      }),
    },
  };
}
