// Which subsets rules send connections to: what nothing leads to need not be in every proxy.
import type { HTTPRoute, VirtualService } from '../gen/networking/v1alpha3/virtual_service_pb.js';
import type { Family, Graph } from '../graph/graph.ts';
import { fullHost } from './hosts.ts';
import type { MeshInputs } from './inputs.ts';

export interface SubsetUse {
  readonly host: string;
  readonly subset: string;
  readonly port: number;
}

export interface SubsetUseFamilies {
  /** Whether some VirtualService, whoever sees it, names this subset as a destination on this port. */
  readonly subsetUsed: Family<SubsetUse, boolean>;
}

export interface SubsetUseOptions {
  readonly graph: Graph;
  readonly inputs: MeshInputs;
  readonly domain: string;
}

/** A destination without a port may mean any: which one is only known where the connection arrives. */
const ANY_PORT = 0;

const term = ({ host, subset, port }: SubsetUse): string => `${host}|${subset}|${port}`;

export function defineSubsetUse({ graph, inputs, domain }: SubsetUseOptions): SubsetUseFamilies {
  const users = graph.index(inputs.virtualService, 'virtualServiceBySubset', ({ meta, spec }) =>
    destinations(spec).flatMap((d) =>
      d?.subset
        ? [term({ host: fullHost(d.host, meta.namespace, domain), subset: d.subset, port: d.port?.number ?? ANY_PORT })]
        : [],
    ),
  );
  return {
    subsetUsed: graph.derived(
      'subsetUsed',
      (use: SubsetUse, read) =>
        read(users, term(use)).length > 0 || read(users, term({ ...use, port: ANY_PORT })).length > 0,
      { id: term },
    ),
  };
}

/** Everything that a rule, a delegate included, may send something to. */
function destinations({ http, tls, tcp }: VirtualService) {
  return [...http.flatMap(httpDestinations), ...[...tls, ...tcp].flatMap((r) => r.route.map((d) => d.destination))];
}

function httpDestinations({ route, mirror, mirrors }: HTTPRoute) {
  return [...[...route, ...mirrors].map((d) => d.destination), ...(mirror ? [mirror] : [])];
}
