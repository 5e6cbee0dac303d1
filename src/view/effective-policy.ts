// The traffic policy that holds for one port of a service or of one of its subsets.
import type { DestinationPolicy, TrafficPolicy } from '../model/traffic.ts';

export type EffectivePolicy = Omit<TrafficPolicy, 'ports'>;

/**
 * Port settings replace the host's as a whole (what they leave out takes the defaults, as the API says); a subset's parts
 * replace the host's part by part.
 */
export function effectivePolicy(rule: DestinationPolicy | undefined, subset: string, port: number): EffectivePolicy {
  if (!rule) return {};
  const host = atPort(rule.policy, port, {});
  if (!subset) return host;
  return atPort(rule.subsets.find((s) => s.name === subset)?.policy, port, host);
}

function atPort(policy: TrafficPolicy | undefined, port: number, inherited: EffectivePolicy): EffectivePolicy {
  if (!policy) return inherited;
  const { ports, ...general } = policy;
  const merged: EffectivePolicy = { ...inherited, ...general };
  const own = ports[port];
  if (!own) return merged;
  const { proxyProtocol } = merged;
  return { ...own, ...(proxyProtocol && { proxyProtocol }) };
}
