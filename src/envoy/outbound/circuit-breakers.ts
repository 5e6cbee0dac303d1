// Limits of a cluster's connection pools.
import type { CircuitBreakersSchema } from '../../gen/envoy/config/cluster/v3/circuit_breaker_pb.js';
import type { ConnectionPool } from '../../model/traffic.ts';
import type { Init } from '../any.ts';

/** Envoy's own defaults (1024) would surprise: without a rule there is no limit. */
const UNLIMITED = 4294967295;

export function circuitBreakers(
  pool: ConnectionPool | undefined,
  { counted }: { counted: boolean } = { counted: true },
): Init<typeof CircuitBreakersSchema> {
  return {
    thresholds: [
      {
        maxConnections: pool?.maxConnections ?? UNLIMITED,
        maxPendingRequests: pool?.http1MaxPendingRequests ?? UNLIMITED,
        maxRequests: pool?.http2MaxRequests ?? UNLIMITED,
        maxRetries: pool?.maxRetries ?? UNLIMITED,
        // Statistics of what is left.
        ...(counted && { trackRemaining: true }),
      },
    ],
  };
}
