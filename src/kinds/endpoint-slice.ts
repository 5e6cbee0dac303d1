// Kubernetes EndpointSlice, kept as small as it can be: there is an entry for every pod of every service.
import { coreKind, integer, record, records, strings } from './core-kind.ts';
import { internValue } from './intern.ts';
import { text } from './meta.ts';

export interface SliceEndpoint {
  readonly address: string;
  /** Meant to get traffic (Kubernetes: `serving`, which for a terminating pod may differ from `ready`). */
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly hostname: string;
  readonly node: string;
  readonly zone: string;
  /** Name of the pod in the same namespace; ''. */
  readonly pod: string;
}

export interface SlicePort {
  readonly name: string;
  readonly port: number;
  readonly transport: string;
}

export interface EndpointSliceValue {
  readonly namespace: string;
  readonly name: string;
  /** Name of the Service; '' for slices that belong to none. */
  readonly service: string;
  readonly addressType: string;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly SliceEndpoint[];
}

export const endpointSliceKind = coreKind<EndpointSliceValue>({
  id: 'endpointSlice',
  group: 'discovery.k8s.io',
  versions: ['v1'],
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
  read(raw) {
    return {
      namespace: text(raw.metadata?.namespace),
      name: text(raw.metadata?.name),
      service: text(raw.metadata?.labels?.['kubernetes.io/service-name']),
      addressType: text(raw.addressType) || 'IPv4',
      ports: internValue(
        records(raw.ports).map((p) => ({
          name: text(p.name),
          port: integer(p.port),
          transport: text(p.protocol) || 'TCP',
        })),
      ),
      // Consumers use the first address only: the others stand for the same endpoint.
      endpoints: records(raw.endpoints).flatMap((e) =>
        strings(e.addresses)
          .slice(0, 1)
          .map((address) => read(address, e)),
      ),
    };
  },
});

function read(address: string, endpoint: Record<string, unknown>): SliceEndpoint {
  const conditions = record(endpoint.conditions);
  const target = record(endpoint.targetRef);
  const ready = conditions.ready !== false;
  return {
    address,
    ready,
    serving: typeof conditions.serving === 'boolean' ? conditions.serving : ready,
    terminating: conditions.terminating === true,
    hostname: text(endpoint.hostname),
    node: text(endpoint.nodeName),
    zone: text(endpoint.zone),
    pod: target.kind === 'Pod' ? text(target.name) : '',
  };
}
