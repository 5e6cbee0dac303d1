// Outbound listeners: one for every port that is claimed on all addresses, one for every address of an opaque service.
import { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.js';
import type { Read } from '../../graph/graph.ts';
import { milliseconds } from '../../ingest/duration.ts';
import type { L4Rule } from '../../model/route.ts';
import { destinationCluster, matchesSource } from '../../view/destination-cluster.ts';
import { VIRTUAL_OUTBOUND } from '../../view/names.ts';
import { defineOutboundListeners, type ListenerClaim } from '../../view/outbound-listeners.ts';
import { type OutboundScope, parseScope } from '../../view/outbound-scope.ts';
import { type Encoded, encode, type Part, type ScopedName, sameEncoded, scopedNameId } from '../resource.ts';
import type { OutboundContext } from './context.ts';
import { type ClaimRule, outboundListener } from './listener.ts';
import { virtualOutbound } from './virtual-outbound.ts';

export function outboundListenersPart(context: OutboundContext): Part {
  const { graph, mesh, scopes, services, loggers } = context;
  const listeners = defineOutboundListeners(graph, mesh, services);

  /** TCP and TLS rules for one claim. */
  const rulesOf = (read: Read, claim: ListenerClaim, caller: OutboundScope): ClaimRule[] => {
    if (claim.kind === 'http') return [];
    const query = { gateway: 'mesh', host: claim.host, namespace: caller.namespace ?? '' };
    const [rules] = read(mesh.rulesFor, query);
    if (!rules) return [];
    const chosen = (list: readonly L4Rule[]) =>
      list.flatMap((rule): ClaimRule[] => {
        const { destinations } = rule;
        if (rule.matches.length === 0) return [{ sniHosts: [], subnets: [], destinations }];
        return rule.matches
          .filter((m) => (m.port === 0 || m.port === claim.port) && matchesSource(m, caller, 'mesh'))
          .map((m) => ({ sniHosts: m.sniHosts, subnets: m.destinationSubnets, destinations }));
      });
    const byName = claim.kind === 'tls' ? chosen(rules.tls) : [];
    return byName.length > 0 ? byName : chosen(rules.tcp);
  };

  const get = graph.derived(
    'outboundListener',
    ({ scope, name }: ScopedName, read): Encoded | undefined => {
      const { base = '', mode } = parseScope(scope);
      const caller = parseScope(base);
      if (caller.router) return undefined;
      const transparent = mode === 'TPROXY';
      const allowAny = read(services.allowAny, base);
      const logs = read(loggers, 'source');
      if (name === VIRTUAL_OUTBOUND) {
        const capturePort = read(mesh.meshConfig, '').proxyListenPort;
        return encode(name, ListenerSchema, virtualOutbound({ capturePort, allowAny, loggers: logs, transparent }));
      }
      const claims = read(listeners.claims, { scope, name });
      const [first] = claims;
      if (!first) return undefined;
      return encode(
        name,
        ListenerSchema,
        outboundListener({
          address: first.address,
          port: first.port,
          claims: claims.map((claim) => ({ claim, rules: rulesOf(read, claim, caller) })),
          clusterOf: (d, port) => destinationCluster(d, read(services.lookup, { scope: base, host: d.host }), port),
          loggers: logs,
          allowAny,
          detectionTimeoutMs: milliseconds(read(mesh.meshConfig, '').protocolDetectionTimeout) ?? 0,
          transparent,
        }),
      );
    },
    { id: scopedNameId, equal: sameEncoded },
  );

  return {
    name: 'outbound listeners',
    scope: scopes.listeners,
    list: graph.derived('outboundListenerList', (scope: string, read): readonly string[] => {
      const caller = parseScope(parseScope(scope).base ?? '');
      return caller.router ? [] : [...read(listeners.names, scope), VIRTUAL_OUTBOUND];
    }),
    get,
  };
}
