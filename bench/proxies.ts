// The proxies that connect: each beside a pod of the mesh, spread over all services, and gateways.
import type { EnvoyIdentity } from './envoy.ts';
import { GATEWAY_NAMESPACE, labelsOf, placeOf, podAddress, podName, type Sizes } from './objects.ts';

export interface FleetOptions {
  readonly clients: number;
  readonly routers: number;
  readonly sizes: Sizes;
}

/** Proxy i stands beside a pod of service i; when there are more proxies than services, beside the next pods of each. */
export function identities({ clients, routers, sizes }: FleetOptions): EnvoyIdentity[] {
  const sidecars = Array.from({ length: clients }, (_, i): EnvoyIdentity => {
    const service = i % sizes.services;
    const pod = Math.floor(i / sizes.services) % sizes.endpoints;
    const { namespace, name } = placeOf(service, sizes);
    return {
      kind: 'sidecar',
      address: podAddress(service, pod, sizes),
      pod: podName(service, pod),
      namespace,
      serviceAccount: name,
      labels: labelsOf(service, pod),
    };
  });
  const gateways = Array.from(
    { length: routers },
    (_, i): EnvoyIdentity => ({
      kind: 'router',
      address: `10.127.0.${i + 1}`,
      pod: `gateway-${i}`,
      namespace: GATEWAY_NAMESPACE,
      serviceAccount: 'gateway',
      labels: { istio: 'ingressgateway', app: 'gateway' },
    }),
  );
  return [...sidecars, ...gateways];
}
