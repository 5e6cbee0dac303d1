// NetworkPolicy of the control plane, when `values.global.networkPolicy.enabled`.
import { controlNamespace, type Installation, labelsOf, revisionSuffix } from '../installation.ts';
import type { JsonObject, Manifest } from '../json.ts';

/** Lets everyone reach the control plane's ports and nothing else of it; it may reach everything. */
export function networkPolicy(installation: Installation): Manifest {
  const ports = (...numbers: number[]): JsonObject => ({ ports: numbers.map((port) => ({ port, protocol: 'TCP' })) });
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: {
      name: `istiod${revisionSuffix(installation)}`,
      namespace: controlNamespace(installation),
      labels: labelsOf(installation, 'Pilot', { app: 'istiod', istio: 'pilot', 'app.kubernetes.io/name': 'istiod' }),
    },
    spec: {
      podSelector: { matchLabels: { app: 'istiod', 'istio.io/rev': installation.revision || 'default' } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [ports(15017), ports(15010, 15012, 8080, 15014)],
      egress: [{}],
    },
  };
}
