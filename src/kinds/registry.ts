// All kinds the mesh reads, and how to find the descriptor of an object.
import { authorizationPolicyKind } from './authorization-policy.ts';
import { configMapKind } from './config-map.ts';
import { destinationRuleKind } from './destination-rule.ts';
import { endpointSliceKind } from './endpoint-slice.ts';
import { envoyFilterKind } from './envoy-filter.ts';
import { gatewayKind } from './gateway.ts';
import type { Kind } from './kind.ts';
import { namespaceKind } from './namespace.ts';
import { nodeKind } from './node.ts';
import { peerAuthenticationKind } from './peer-authentication.ts';
import { podKind } from './pod.ts';
import { proxyConfigKind } from './proxy-config.ts';
import { requestAuthenticationKind } from './request-authentication.ts';
import { secretKind } from './secret.ts';
import { serviceKind } from './service.ts';
import { serviceEntryKind } from './service-entry.ts';
import { sidecarKind } from './sidecar.ts';
import { telemetryKind } from './telemetry.ts';
import { virtualServiceKind } from './virtual-service.ts';
import { workloadEntryKind } from './workload-entry.ts';
import { workloadGroupKind } from './workload-group.ts';

/** Descriptors by the name of their input in the mesh. */
export const KINDS = {
  service: serviceKind,
  endpointSlice: endpointSliceKind,
  pod: podKind,
  node: nodeKind,
  namespace: namespaceKind,
  secret: secretKind,
  configMap: configMapKind,
  virtualService: virtualServiceKind,
  destinationRule: destinationRuleKind,
  gateway: gatewayKind,
  serviceEntry: serviceEntryKind,
  workloadEntry: workloadEntryKind,
  workloadGroup: workloadGroupKind,
  sidecar: sidecarKind,
  peerAuthentication: peerAuthenticationKind,
  authorizationPolicy: authorizationPolicyKind,
  requestAuthentication: requestAuthenticationKind,
  telemetry: telemetryKind,
  envoyFilter: envoyFilterKind,
  proxyConfig: proxyConfigKind,
} as const satisfies Readonly<Record<string, Kind>>;

export const kinds: readonly Kind[] = Object.values(KINDS);

const byGroupKind = new Map(kinds.map((k) => [`${k.group}/${k.kind}`, k]));
const byKind = new Map(kinds.map((k) => [k.kind, k]));

/**
 * The descriptor for an object, or undefined when the mesh does not read it or does not know the version.
 * Without `apiVersion` the kind alone decides.
 */
export function kindOf(apiVersion: string | undefined, kind: string): Kind | undefined {
  if (!apiVersion) return byKind.get(kind);
  const slash = apiVersion.indexOf('/');
  const found = byGroupKind.get(`${slash < 0 ? '' : apiVersion.slice(0, slash)}/${kind}`);
  return found?.versions.includes(apiVersion.slice(slash + 1)) ? found : undefined;
}
