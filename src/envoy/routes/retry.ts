// Retries: what a rule asks for, on top of the mesh's default.
import type { RetryPolicySchema } from '../../gen/envoy/config/route/v3/route_components_pb.js';
import { PreviousHostsPredicateSchema } from '../../gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import { PreviousPrioritiesConfigSchema } from '../../gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.js';
import type { Retry } from '../../model/route.ts';
import { duration, extension, type Init } from '../any.ts';

type RetryPolicy = Init<typeof RetryPolicySchema>;

/** Failures after which the request has certainly, or by its own word, not been handled. */
const DEFAULT_CONDITIONS = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';

/** Without a rule's word: two more attempts, on other hosts where there are any. A hashed destination stays on its host. */
export function retryPolicy(retry: Retry | undefined, options: { hashed: boolean }): RetryPolicy {
  // A policy without conditions switches retries off for its route.
  if (retry && retry.attempts <= 0) return {};
  const elsewhere = retry?.retryIgnorePreviousHosts ?? !options.hashed;
  return {
    ...conditions(retry?.retryOn ?? ''),
    numRetries: retry ? retry.attempts : 2,
    hostSelectionRetryMaxAttempts: 5n,
    retryHostPredicate: elsewhere ? [extension('previous_hosts', PreviousHostsPredicateSchema, {})] : [],
    ...(retry && retry.perTryTimeoutMs > 0 && { perTryTimeout: duration(retry.perTryTimeoutMs) }),
    ...(retry && retry.backoffMs > 0 && { retryBackOff: { baseInterval: duration(retry.backoffMs) } }),
    ...(retry?.retryRemoteLocalities && {
      retryPriority: extension('envoy.retry_priorities.previous_priorities', PreviousPrioritiesConfigSchema, {
        updateFrequency: 2,
      }),
    }),
  };
}

/** `retryOn` mixes Envoy's conditions with status codes. */
function conditions(retryOn: string): RetryPolicy {
  if (!retryOn) return { retryOn: DEFAULT_CONDITIONS };
  const parts = retryOn
    .split(',')
    .map((p) => p.trim())
    .filter(Boolean);
  const codes = parts.filter((p) => /^[1-5]\d\d$/.test(p)).map(Number);
  const names = parts.filter((p) => !/^\d+$/.test(p));
  if (codes.length > 0 && !names.includes('retriable-status-codes')) names.push('retriable-status-codes');
  return { retryOn: names.join(','), retriableStatusCodes: codes };
}
