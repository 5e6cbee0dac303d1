// Which services stay in their own cluster: what MeshConfig says, over what no mesh wants to share.
import type { MeshConfig } from '../gen/mesh/v1alpha1/config_pb.js';
import { hostMatches } from './host-pattern.ts';

export interface ClusterLocalRule {
  readonly pattern: string;
  readonly local: boolean;
}

/**
 * Rules, the most specific first. As in Istio, the API server, everything in kube-system and the discovery service are
 * cluster-local unless `serviceSettings` say otherwise: a token is only worth something in the cluster that gave it, and a
 * remote cluster's `istiod` Service is nothing but a way to the primary.
 */
export function clusterLocalRules(config: MeshConfig, domain: string): readonly ClusterLocalRule[] {
  const rules = new Map([`kubernetes.default.svc.${domain}`, `*.kube-system.svc.${domain}`].map((p) => [p, true]));
  const discovery = config.defaultConfig?.discoveryAddress.replace(/:\d+$/, '') ?? '';
  if (discovery.endsWith('.svc')) rules.set(`${discovery}.${domain}`, true);
  else if (discovery.endsWith(`.svc.${domain}`)) rules.set(discovery, true);
  for (const { hosts, settings } of config.serviceSettings) {
    for (const host of hosts) rules.set(host.toLowerCase(), settings?.clusterLocal === true);
  }
  return [...rules]
    .map(([pattern, local]) => ({ pattern, local }))
    .sort((a, b) => weight(b.pattern) - weight(a.pattern) || (a.pattern < b.pattern ? -1 : 1));
}

export function isClusterLocal(rules: readonly ClusterLocalRule[], host: string): boolean {
  return rules.find(({ pattern }) => hostMatches(pattern, host))?.local ?? false;
}

/** An exact name goes before any wildcard, a longer one before a shorter one. */
const weight = (pattern: string): number => (pattern.startsWith('*') ? 0 : 1000) + pattern.length;
