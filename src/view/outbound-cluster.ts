// What a client must know to talk to one port of a service or subset: everything a cluster is made of.
import type { Family, Graph } from '../graph/graph.ts';
import type { Mesh } from '../ingest/mesh.ts';
import { isHttp2 } from '../ingest/protocol.ts';
import { commonIdentity, type TelemetryIdentity, telemetryIdentity } from '../lib/telemetry-identity.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { ObjectRef, Protocol, Resolution } from '../model/service.ts';
import type { ClientTls, ConnectionPool } from '../model/traffic.ts';
import { type EffectivePolicy, effectivePolicy } from './effective-policy.ts';
import { parseScope } from './outbound-scope.ts';
import { idOf, type OutboundServices } from './outbound-services.ts';
import { selects } from './selector.ts';
import type { SpokenEndpoints } from './spoken-endpoints.ts';

export interface OutboundTarget {
  readonly scope: string;
  readonly port: number;
  readonly subset: string;
  readonly host: string;
}

export const targetId = (t: OutboundTarget): [string, string] => [t.scope, `${t.port}|${t.subset}|${t.host}`];

export type ClusterTls =
  /** Whatever each endpoint speaks: mutual TLS where there is a proxy; plaintext elsewhere, when there are such endpoints. */
  | { readonly kind: 'auto'; readonly somePlaintext: boolean }
  | { readonly kind: 'fixed'; readonly tls: ClientTls }
  | { readonly kind: 'none' };

export interface OutboundCluster {
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
  readonly port: number;
  readonly subset: string;
  readonly protocol: Protocol;
  readonly resolution: Resolution;
  readonly externalName: string;
  readonly policy: EffectivePolicy;
  readonly tls: ClusterTls;
  /** Identities accepted in certificates; [] for any of the mesh. */
  readonly identities: readonly string[];
  readonly connectTimeoutMs: number;
  readonly keepalive: ConnectionPool['keepalive'];
  /** Served in the cluster itself; only for names that DNS resolves. */
  readonly dnsEndpoints: readonly Endpoint[];
  /** Where endpoints are dialled by address, and so have no names in metrics: the workload that all of them are. */
  readonly workload: TelemetryIdentity | undefined;
  readonly clientAffinity: boolean;
  readonly http2: boolean;
  /** The DestinationRule it was made with. */
  readonly rule: ObjectRef | undefined;
}

export interface OutboundClusters {
  readonly cluster: Family<OutboundTarget, OutboundCluster | undefined>;
  /** Scope and service id → names of subsets, [''] first. */
  readonly subsets: Family<{ scope: string; service: string }, readonly string[]>;
}

interface Members {
  readonly service: string;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface OutboundClustersOptions {
  readonly graph: Graph;
  readonly mesh: Mesh;
  readonly services: OutboundServices;
  readonly spoken: SpokenEndpoints;
}

export function defineOutboundClusters({ graph, mesh, services, spoken }: OutboundClustersOptions): OutboundClusters {
  // A headless service is dialled by address, so the choice between TLS and plaintext cannot be made per endpoint.
  const allMutual = graph.derived('allMutual', (key: string, read) => {
    const at = key.lastIndexOf(':');
    const endpoints = read(mesh.endpoints, { service: key.slice(0, at), port: Number(key.slice(at + 1)) });
    return endpoints.length > 0 && endpoints.every((e) => e.tlsMode === 'istio');
  });

  const commonWorkload = graph.derived(
    'commonWorkload',
    ({ service, port, labels }: Members, read) =>
      commonIdentity(
        read(mesh.endpoints, { service, port })
          .filter((e) => selects(labels, e.labels))
          .map(telemetryIdentity),
      ),
    { id: ({ service, port, labels }) => `${service}:${port}:${JSON.stringify(labels)}` },
  );

  const ruleFor = (scope: string, service: string) => {
    const { namespace = '', labels } = parseScope(scope);
    return { namespace, service, ...(labels && { labels }) };
  };

  return {
    subsets: graph.derived(
      'subsetsOf',
      ({ scope, service }: { scope: string; service: string }, read) => {
        const rule = read(mesh.destinationPolicy, ruleFor(scope, service));
        return ['', ...(rule?.subsets.map((s) => s.name) ?? [])];
      },
      { id: ({ scope, service }) => [scope, service] },
    ),
    cluster: graph.derived(
      'outboundCluster',
      ({ scope, port: number, subset, host }: OutboundTarget, read): OutboundCluster | undefined => {
        const service = read(services.lookup, { scope, host });
        const port = service?.ports.find((p) => p.port === number);
        if (!service || !port || port.protocol === 'udp') return undefined;
        const id = idOf(service);
        const rule = read(mesh.destinationPolicy, ruleFor(scope, id));
        const chosen = subset ? rule?.subsets.find((s) => s.name === subset) : undefined;
        if (subset && !chosen) return undefined;
        const policy = effectivePolicy(rule, subset, number);
        const dns = service.resolution === 'dns' || service.resolution === 'dns-round-robin';
        const own = dns ? read(spoken.endpoints, { service: id, port: number }) : [];
        const upgrade = policy.pool?.h2Upgrade === 'upgrade' && port.protocol === 'http';
        const passthrough = service.resolution === 'passthrough' || policy.loadBalancer?.kind === 'passthrough';
        const router = parseScope(scope).router === true;
        return {
          host,
          name: service.name,
          namespace: service.namespace,
          port: number,
          subset,
          protocol: port.protocol,
          resolution: passthrough && !router ? 'passthrough' : passthrough ? 'static' : service.resolution,
          externalName: service.externalName,
          policy,
          tls: tlsOf(),
          identities:
            service.subjectAltNames.length > 0
              ? service.subjectAltNames
              : read(mesh.identities, { service: id, port: number }),
          connectTimeoutMs: policy.pool?.connectTimeoutMs ?? read(mesh.connectTimeoutMs, ''),
          keepalive: policy.pool?.keepalive ?? read(mesh.keepalive, ''),
          dnsEndpoints: chosen ? own.filter((e) => selects(chosen.labels, e.labels)) : own,
          workload:
            passthrough && !router
              ? read(commonWorkload, { service: id, port: number, labels: chosen?.labels ?? {} })
              : undefined,
          clientAffinity: service.clientAffinity,
          http2: isHttp2(port.protocol) || upgrade,
          rule: rule?.source,
        };

        function tlsOf(): ClusterTls {
          if (policy.tls) return policy.tls.mode === 'disable' ? { kind: 'none' } : { kind: 'fixed', tls: policy.tls };
          if (service!.external || service!.resolution === 'alias' || !read(mesh.autoMutualTls, ''))
            return { kind: 'none' };
          if (!passthrough || router) {
            return { kind: 'auto', somePlaintext: read(spoken.somePlaintext, { service: id, port: number }) };
          }
          return read(allMutual, `${id}:${number}`) ? { kind: 'auto', somePlaintext: false } : { kind: 'none' };
        }
      },
      { id: targetId },
    ),
  };
}
