// What routes read of the mesh: the clusters that destinations stand for, and which of them hash requests.
import type { Family, Graph, Read } from '../../graph/graph.ts';
import type { Mesh } from '../../ingest/mesh.ts';
import type { Destination } from '../../model/route.ts';
import type { Service } from '../../model/service.ts';
import { destinationCluster, destinationPort } from '../../view/destination-cluster.ts';
import { effectivePolicy } from '../../view/effective-policy.ts';
import type { OutboundTarget } from '../../view/outbound-cluster.ts';
import { targetId } from '../../view/outbound-cluster.ts';
import { parseScope } from '../../view/outbound-scope.ts';
import { idOf, type OutboundServices } from '../../view/outbound-services.ts';
import type { HashOn } from './hash-policy.ts';
import type { RouteContext } from './http-routes.ts';

/** Destination → what its load balancer hashes. Routes read no more than this of a DestinationRule. */
export function defineHashOn(
  graph: Graph,
  mesh: Mesh,
  services: OutboundServices,
): Family<OutboundTarget, HashOn | undefined> {
  return graph.derived(
    'hashOn',
    ({ scope, host, subset, port }: OutboundTarget, read): HashOn | undefined => {
      const service = read(services.lookup, { scope, host });
      if (!service) return undefined;
      const { namespace = '', labels } = parseScope(scope);
      const rule = read(mesh.destinationPolicy, { namespace, service: idOf(service), ...(labels && { labels }) });
      const balancer = effectivePolicy(rule, subset, port).loadBalancer;
      if (balancer?.kind === 'hash') return balancer.on;
      return !balancer && service.clientAffinity ? { kind: 'source-ip' } : undefined;
    },
    { id: targetId },
  );
}

/** Whether requests to a service leave the mesh: by its own word, or because it is another name for anything. */
const isOutside = (service: Service | undefined): boolean =>
  service?.external === true || service?.resolution === 'alias';

export interface RouteReader {
  readonly read: Read;
  readonly mesh: Mesh;
  readonly services: OutboundServices;
  readonly hashOn: Family<OutboundTarget, HashOn | undefined>;
  /** Base scope of the proxies. */
  readonly scope: string;
  /** `mesh`, or a Gateway's `namespace/name`. */
  readonly gateway: string;
  readonly port: number;
}

export function routeContext({ read, mesh, services, hashOn, scope, gateway, port }: RouteReader): RouteContext {
  const serviceOf = (d: Destination) => read(services.lookup, { scope, host: d.host });
  return {
    gateway,
    port,
    caller: parseScope(scope),
    defaultRetry: read(mesh.defaultRetry, ''),
    clusterOf: (d) => destinationCluster(d, serviceOf(d), port),
    outside: (d) => isOutside(serviceOf(d)),
    hashOn: (d) => {
      const { host, subset } = d;
      return read(hashOn, { scope, host, subset, port: destinationPort(d, serviceOf(d), port) });
    },
  };
}
