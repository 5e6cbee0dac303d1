// Endpoint sets. Most are the same for every caller; those whose order depends on the caller's place are a part of their own.
import { ClusterLoadAssignmentSchema } from '../../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { Family, Read } from '../../graph/graph.ts';
import { localityBalancing } from '../../ingest/traffic-policy.ts';
import type { Endpoint, Locality } from '../../model/endpoint.ts';
import type { LocalityBalancing } from '../../model/traffic.ts';
import { effectivePolicy } from '../../view/effective-policy.ts';
import { groupByLocality, placeGroups, placeMatters } from '../../view/endpoint-groups.ts';
import { parseOutboundCluster } from '../../view/names.ts';
import { parseScope } from '../../view/outbound-scope.ts';
import { idOf } from '../../view/outbound-services.ts';
import { selects } from '../../view/selector.ts';
import { type Encoded, encode, type Part, type ScopedName, sameEncoded, scopedNameId } from '../resource.ts';
import type { OutboundContext } from './context.ts';
import { loadAssignment } from './load-assignment.ts';

const NOWHERE: Locality = { region: '', zone: '', subzone: '' };

/** Why the caller's place matters to an endpoint set; undefined when it does not. */
interface Placement {
  readonly balancing: LocalityBalancing | undefined;
  readonly ownCluster: boolean;
  readonly ownNode: boolean;
}

export function outboundEndpointsParts(context: OutboundContext): Part[] {
  const { graph, mesh, scopes, services, spoken } = context;
  const meshLocality = graph.derived('meshLocality', (_: string, read) => {
    const spec = read(mesh.meshConfig, '').localityLbSetting;
    return spec ? localityBalancing(spec) : undefined;
  });

  const ruleOf = (read: Read, scope: string, id: string) => {
    const { namespace = '', labels } = parseScope(scope);
    return read(mesh.destinationPolicy, { namespace, service: id, ...(labels && { labels }) });
  };

  /** Endpoints of a subset, in the mesh's order. Scope: what rules the caller sees. */
  const members = graph.derived(
    'subsetEndpoints',
    ({ scope, name }: ScopedName, read): readonly Endpoint[] | undefined => {
      const parsed = parseOutboundCluster(name);
      const service = parsed && read(services.lookup, { scope, host: parsed.host });
      if (!parsed || !service?.ports.some((p) => p.port === parsed.port)) return undefined;
      const id = idOf(service);
      const all = read(spoken.endpoints, { service: id, port: parsed.port });
      if (!parsed.subset) return all;
      const subset = ruleOf(read, scope, id)?.subsets.find((s) => s.name === parsed.subset);
      return subset && all.filter((e) => selects(subset.labels, e.labels));
    },
    { id: scopedNameId },
  );

  const placement: Family<ScopedName, Placement | undefined> = graph.derived(
    'placement',
    ({ scope, name }: ScopedName, read): Placement | undefined => {
      const parsed = parseOutboundCluster(name);
      const service = parsed && read(services.lookup, { scope, host: parsed.host });
      if (!parsed || !service) return undefined;
      const policy = effectivePolicy(ruleOf(read, scope, idOf(service)), parsed.subset, parsed.port);
      const balancing = policy.locality ?? read(meshLocality, '');
      const placed = placeMatters(balancing, policy.outlier !== undefined);
      if (!placed && !service.clusterLocal && !service.nodeLocal) return undefined;
      return {
        balancing: placed ? balancing : undefined,
        ownCluster: service.clusterLocal,
        ownNode: service.nodeLocal,
      };
    },
    { id: scopedNameId },
  );

  const placed = graph.derived(
    'placedEndpointsResource',
    ({ scope, name }: ScopedName, read): Encoded | undefined => {
      const { cluster = '', locality = NOWHERE, node = '', base: visible = '' } = parseScope(scope);
      const { labels = {} } = parseScope(visible);
      const base = { scope: visible, name };
      const how = read(placement, base);
      const all = how && read(members, base);
      if (!all) return undefined;
      const chosen = all.filter(
        (e) => (!how.ownCluster || e.cluster === cluster) && (!how.ownNode || node === '' || e.node === node),
      );
      const groups = groupByLocality(chosen);
      const placing = how.balancing && { balancing: how.balancing, caller: { locality, cluster, node, labels } };
      return encode(
        name,
        ClusterLoadAssignmentSchema,
        loadAssignment(name, placing ? placeGroups(groups, placing) : groups, mesh.configCluster),
      );
    },
    { id: scopedNameId, equal: sameEncoded },
  );

  const shared = graph.derived(
    'endpointsResource',
    ({ scope, name }: ScopedName, read): Encoded | undefined => {
      if (read(placement, { scope, name })) return undefined;
      const endpoints = read(members, { scope, name });
      return (
        endpoints &&
        encode(name, ClusterLoadAssignmentSchema, loadAssignment(name, groupByLocality(endpoints), mesh.configCluster))
      );
    },
    { id: scopedNameId, equal: sameEncoded },
  );

  return [
    { name: 'endpoints by place', scope: scopes.placed, get: placed },
    { name: 'endpoints', scope: scopes.base, get: shared },
  ];
}
