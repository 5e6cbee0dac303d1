// TrafficPolicy of a DestinationRule (or of the mesh) → the model's.
import {
  type ClientTLSSettings,
  type ConnectionPoolSettings,
  type LoadBalancerSettings,
  type LocalityLoadBalancerSetting,
  type OutlierDetection as OutlierSpec,
  type TrafficPolicy_PortTrafficPolicy as PortSpec,
  TrafficPolicy_ProxyProtocol_VERSION as ProxyProtocolVersion,
  LoadBalancerSettings_SimpleLB as Simple,
  type TrafficPolicy as Spec,
  ClientTLSSettings_TLSmode as TlsMode,
  ConnectionPoolSettings_HTTPSettings_H2UpgradePolicy as Upgrade,
} from '../gen/networking/v1alpha3/destination_rule_pb.js';
import type {
  ClientTls,
  ConnectionPool,
  LoadBalancer,
  LocalityBalancing,
  OutlierDetection,
  TrafficPolicy,
} from '../model/traffic.ts';
import { milliseconds } from './duration.ts';

export function trafficPolicy(spec: Spec): TrafficPolicy {
  const ports = spec.portLevelSettings.filter((p) => p.port).map((p) => [p.port!.number, parts(p)] as const);
  const version = spec.proxyProtocol && (spec.proxyProtocol.version === ProxyProtocolVersion.V2 ? 'v2' : 'v1');
  return { ...parts(spec), ...(version && { proxyProtocol: version }), ports: Object.fromEntries(ports) };
}

function parts(spec: Spec | PortSpec): Omit<TrafficPolicy, 'ports'> {
  const balancer = spec.loadBalancer && loadBalancer(spec.loadBalancer);
  const locality = spec.loadBalancer?.localityLbSetting;
  return {
    ...(balancer && { loadBalancer: balancer }),
    ...(locality && { locality: localityBalancing(locality) }),
    ...(spec.connectionPool && { pool: connectionPool(spec.connectionPool) }),
    ...(spec.outlierDetection && { outlier: outlierDetection(spec.outlierDetection) }),
    ...(spec.tls && { tls: clientTls(spec.tls) }),
  };
}

function loadBalancer(spec: LoadBalancerSettings): LoadBalancer | undefined {
  const warmupMs = milliseconds(spec.warmup?.duration) ?? milliseconds(spec.warmupDurationSecs) ?? 0;
  if (spec.lbPolicy.case === 'simple') {
    switch (spec.lbPolicy.value) {
      case Simple.RANDOM:
        return { kind: 'random', warmupMs };
      case Simple.PASSTHROUGH:
        return { kind: 'passthrough', warmupMs };
      case Simple.ROUND_ROBIN:
        return { kind: 'round-robin', warmupMs };
      default:
        return { kind: 'least-request', warmupMs };
    }
  }
  if (spec.lbPolicy.case !== 'consistentHash') {
    return warmupMs > 0 ? { kind: 'least-request', warmupMs } : undefined;
  }
  const { hashKey, hashAlgorithm, minimumRingSize } = spec.lbPolicy.value;
  const algorithm =
    hashAlgorithm.case === 'maglev'
      ? ({ kind: 'maglev', tableSize: Number(hashAlgorithm.value.tableSize) } as const)
      : ({
          kind: 'ring',
          minimumSize:
            Number(hashAlgorithm.case === 'ringHash' ? hashAlgorithm.value.minimumRingSize : minimumRingSize) || 1024,
        } as const);
  switch (hashKey.case) {
    case 'httpHeaderName':
      return { kind: 'hash', on: { kind: 'header', name: hashKey.value }, algorithm };
    case 'httpQueryParameterName':
      return { kind: 'hash', on: { kind: 'query', name: hashKey.value }, algorithm };
    case 'httpCookie': {
      const { name, path, ttl } = hashKey.value;
      return { kind: 'hash', on: { kind: 'cookie', name, path, ttlMs: milliseconds(ttl) }, algorithm };
    }
    default:
      return { kind: 'hash', on: { kind: 'source-ip' }, algorithm };
  }
}

export function localityBalancing(spec: LocalityLoadBalancerSetting): LocalityBalancing {
  return {
    enabled: spec.enabled !== false,
    distribute: spec.distribute.map((d) => ({ from: d.from, to: d.to })),
    failover: spec.failover.map((f) => ({ from: f.from, to: f.to })),
    failoverPriority: spec.failoverPriority,
  };
}

export function connectionPool({ tcp, http }: ConnectionPoolSettings): ConnectionPool {
  const alive = tcp?.tcpKeepalive;
  return {
    maxConnections: tcp?.maxConnections || undefined,
    connectTimeoutMs: milliseconds(tcp?.connectTimeout),
    idleTimeoutMs: milliseconds(tcp?.idleTimeout),
    maxConnectionDurationMs: milliseconds(tcp?.maxConnectionDuration),
    keepalive: alive && {
      probes: alive.probes || undefined,
      timeSeconds: seconds(alive.time),
      intervalSeconds: seconds(alive.interval),
    },
    http1MaxPendingRequests: http?.http1MaxPendingRequests || undefined,
    http2MaxRequests: http?.http2MaxRequests || undefined,
    maxRequestsPerConnection: http?.maxRequestsPerConnection || undefined,
    maxRetries: http?.maxRetries || undefined,
    httpIdleTimeoutMs: milliseconds(http?.idleTimeout),
    maxConcurrentStreams: http?.maxConcurrentStreams || undefined,
    h2Upgrade:
      http?.h2UpgradePolicy === Upgrade.UPGRADE
        ? 'upgrade'
        : http?.h2UpgradePolicy === Upgrade.DO_NOT_UPGRADE
          ? 'do-not-upgrade'
          : 'default',
    useClientProtocol: http?.useClientProtocol ?? false,
  };
}

function outlierDetection(spec: OutlierSpec): OutlierDetection {
  return {
    splitExternalLocalOriginErrors: spec.splitExternalLocalOriginErrors,
    consecutive5xx: spec.consecutive5xxErrors,
    // The deprecated field counted gateway errors.
    consecutiveGateway: spec.consecutiveGatewayErrors ?? (spec.consecutiveErrors || undefined),
    consecutiveLocalOrigin: spec.consecutiveLocalOriginFailures,
    intervalMs: milliseconds(spec.interval),
    baseEjectionMs: milliseconds(spec.baseEjectionTime),
    maxEjectionPercent: spec.maxEjectionPercent || undefined,
    minHealthPercent: spec.minHealthPercent,
  };
}

const TLS_MODE: Readonly<Record<TlsMode, ClientTls['mode']>> = {
  [TlsMode.DISABLE]: 'disable',
  [TlsMode.SIMPLE]: 'simple',
  [TlsMode.MUTUAL]: 'mutual',
  [TlsMode.ISTIO_MUTUAL]: 'istio-mutual',
};

export function clientTls(spec: ClientTLSSettings): ClientTls {
  const { clientCertificate, privateKey, caCertificates, credentialName, subjectAltNames, sni, caCrl } = spec;
  return {
    mode: TLS_MODE[spec.mode],
    clientCertificate,
    privateKey,
    caCertificates,
    credentialName,
    subjectAltNames,
    sni,
    insecureSkipVerify: spec.insecureSkipVerify ?? false,
    caCrl,
  };
}

function seconds(duration: { seconds: bigint; nanos: number } | undefined): number | undefined {
  const ms = milliseconds(duration);
  return ms === undefined ? undefined : Math.round(ms / 1000);
}
