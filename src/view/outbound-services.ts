// Which services a scope sees, and how its callers reach each of their ports.
import { OutboundTrafficPolicy_Mode } from '../gen/networking/v1alpha3/sidecar_pb.js';
import type { Family, Graph } from '../graph/graph.ts';
import type { Mesh } from '../ingest/mesh.ts';
import { precedence, splitServiceId } from '../ingest/services.ts';
import type { Service } from '../model/service.ts';
import { hostCovers } from './hosts.ts';
import { parseScope } from './outbound-scope.ts';

export interface ScopedHost {
  readonly scope: string;
  readonly host: string;
}

export interface OutboundServices {
  /** Scope → ids of its services, one a host, sorted. */
  readonly visible: Family<string, readonly string[]>;
  /** The service that a host means in a scope. */
  readonly lookup: Family<ScopedHost, Service | undefined>;
  /** Scope → whether its requests to hosts that nobody knows may pass: the Sidecar's word, else the mesh's. */
  readonly allowAny: Family<string, boolean>;
}

export const scopedHostId = ({ scope, host }: ScopedHost): string => `${scope}\n${host}`;

export function defineOutboundServices(graph: Graph, mesh: Mesh): OutboundServices {
  const egress = graph.derived('sidecarEgress', (key: string, read) => {
    const config = read(mesh.inputs.sidecar, key);
    const written = config?.spec.egress.flatMap((e) => e.hosts) ?? [];
    return (written.length > 0 ? written : ['*/*']).map((entry) => {
      const slash = entry.indexOf('/');
      const namespace = slash < 0 ? '*' : entry.slice(0, slash);
      const own = config?.meta.namespace ?? '';
      return { namespace: namespace === '.' ? own : namespace, host: slash < 0 ? entry : entry.slice(slash + 1) };
    });
  });
  const admits = (patterns: readonly { namespace: string; host: string }[], id: string) => {
    const { namespace, host } = splitServiceId(id);
    return patterns.some(
      (p) => p.namespace !== '~' && (p.namespace === '*' || p.namespace === namespace) && hostCovers(p.host, host),
    );
  };

  const visible = graph.derived('visibleServices', (text: string, read): readonly string[] => {
    const { namespace = '', sidecar } = parseScope(text);
    const open = read(mesh.publicServices, '');
    const own = namespace ? read(mesh.privateServices, namespace) : [];
    const patterns = sidecar === undefined ? undefined : read(egress, sidecar);
    const all = own.length === 0 ? open : [...new Set([...open, ...own])].sort();
    const admitted = patterns ? all.filter((id) => admits(patterns, id)) : all;
    // One host may be claimed in several namespaces; almost always it is not.
    const byHost = new Map<string, string[]>();
    for (const id of admitted) {
      const { host } = splitServiceId(id);
      const ids = byHost.get(host);
      if (ids) ids.push(id);
      else byHost.set(host, [id]);
    }
    if (byHost.size === admitted.length) return admitted;
    const chosen = [...byHost.values()].map((ids) => {
      if (ids.length === 1) return ids[0]!;
      const claims = ids.flatMap((id) => {
        const service = read(mesh.service, id);
        return service ? [{ id, service }] : [];
      });
      claims.sort((a, b) => precedence(a.service, b.service));
      return claims[0]?.id ?? ids[0]!;
    });
    return chosen.sort();
  });

  const lookup = graph.derived(
    'lookupService',
    ({ scope, host }: ScopedHost, read): Service | undefined => {
      const { namespace = '', sidecar } = parseScope(scope);
      const id = read(mesh.locate, `${namespace}|${host}`);
      if (id === undefined) return undefined;
      if (sidecar !== undefined && !admits(read(egress, sidecar), id)) return undefined;
      return read(mesh.service, id);
    },
    { id: scopedHostId },
  );
  const allowAny = graph.derived('scopeAllowsAny', (scope: string, read) => {
    const { sidecar } = parseScope(scope);
    const policy = sidecar === undefined ? undefined : read(mesh.inputs.sidecar, sidecar)?.spec.outboundTrafficPolicy;
    return policy ? policy.mode === OutboundTrafficPolicy_Mode.ALLOW_ANY : read(mesh.allowAny, '');
  });
  return { visible, lookup, allowAny };
}

/** The id under which a service is known in the mesh. */
export const idOf = (service: Service): string => `${service.namespace}/${service.host}`;

/** Virtual addresses for callers in a cluster: those of that cluster, else those of the first one that has any. */
export function addressesFor(service: Service, cluster: string): readonly string[] {
  const everywhere = service.addresses[''];
  if (everywhere) return everywhere;
  const own = service.addresses[cluster];
  if (own) return own;
  const first = Object.keys(service.addresses)[0];
  return first === undefined ? [] : service.addresses[first]!;
}
