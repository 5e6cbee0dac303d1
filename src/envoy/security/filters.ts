// The security filters of a workload: token verification, then authorization. Shared by sidecars and gateways.

import type { FilterSchema } from '../../gen/envoy/config/listener/v3/listener_components_pb.js';
import type { Family, Graph } from '../../graph/graph.ts';
import type { Mesh } from '../../ingest/mesh.ts';
import { workloadAuthorization } from '../../view/authorization.ts';
import { byAge, selects } from '../../view/selector.ts';
import type { Init } from '../any.ts';
import type { HttpFilterInit } from '../http-connection-manager.ts';
import { httpAuthorization, tcpAuthorization } from './authorization.ts';
import { jwtFilter } from './jwt.ts';
import { extAuthzProviders, uriCluster } from './providers.ts';

/** A workload as policies see it. */
export interface PolicyTarget {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface SecurityFilters {
  readonly http: Family<PolicyTarget, readonly HttpFilterInit[]>;
  readonly tcp: Family<PolicyTarget, readonly Init<typeof FilterSchema>[]>;
  /** The mesh's trust domain, then its aliases. Key ''. */
  readonly trustDomains: Family<string, readonly string[]>;
}

export function defineSecurityFilters(graph: Graph, mesh: Mesh): SecurityFilters {
  const trustDomains = graph.derived('trustDomains', (_: string, read): readonly string[] => [
    read(mesh.trustDomain, ''),
    ...read(mesh.trustDomainAliases, ''),
  ]);
  const providers = graph.derived('extAuthzProviders', (_: string, read) =>
    extAuthzProviders(read(mesh.meshConfig, '').extensionProviders),
  );
  const authorization = graph.derived(
    'workloadAuthorization',
    ({ namespace, labels }: PolicyTarget, read) => {
      const rootNamespace = read(mesh.rootNamespace, '');
      const policies = [...new Set([rootNamespace, namespace])].flatMap((ns) => read(mesh.authorizationPolicies, ns));
      return {
        authorization: workloadAuthorization(policies, { namespace, labels, rootNamespace }),
        trustDomains: read(trustDomains, ''),
        providers: read(providers, ''),
      };
    },
    { id: targetId },
  );
  const tokens = graph.derived(
    'workloadTokenRules',
    ({ namespace, labels }: PolicyTarget, read) =>
      [...new Set([read(mesh.rootNamespace, ''), namespace])]
        .flatMap((ns) => read(mesh.requestAuthentications, ns))
        .filter(({ selector }) => selects(selector, labels))
        .sort(byAge)
        .flatMap(({ rules }) => rules),
    { id: targetId },
  );
  return {
    trustDomains,
    http: graph.derived(
      'httpSecurityFilters',
      (target: PolicyTarget, read): readonly HttpFilterInit[] => {
        const jwt = jwtFilter({
          rules: read(tokens, target),
          keysOf: (uri) => read(mesh.inputs.jwks, uri),
          clusterOf: (uri) => uriCluster(uri, (host) => read(mesh.locate, `${target.namespace}|${host}`) !== undefined),
        });
        return [...(jwt ? [jwt] : []), ...httpAuthorization(read(authorization, target))];
      },
      { id: targetId },
    ),
    tcp: graph.derived(
      'tcpSecurityFilters',
      (target: PolicyTarget, read) => tcpAuthorization(read(authorization, target)),
      {
        id: targetId,
      },
    ),
  };
}

const targetId = ({ namespace, labels }: PolicyTarget): string =>
  JSON.stringify([namespace, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);
