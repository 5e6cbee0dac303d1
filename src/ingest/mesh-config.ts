// MeshConfig: decoding with Istio's defaults, and the single facts of it that other values read.
import { clone, create } from '@bufbuild/protobuf';
import { parse } from 'yaml';
import {
  type MeshConfig,
  MeshConfigSchema,
  MeshConfig_OutboundTrafficPolicy_Mode as OutboundMode,
} from '../gen/mesh/v1alpha1/config_pb.js';
import { ConnectionPoolSettingsSchema } from '../gen/networking/v1alpha3/destination_rule_pb.js';
import type { Family, Graph } from '../graph/graph.ts';
import { decodeSpec } from '../kinds/spec.ts';
import { type Problem, problem } from '../model/problem.ts';
import type { Retry } from '../model/route.ts';
import type { ConnectionPool } from '../model/traffic.ts';
import { type ClusterLocalRule, clusterLocalRules } from './cluster-local.ts';
import { milliseconds } from './duration.ts';
import { retryOf } from './http-rule.ts';
import type { MeshInputs } from './inputs.ts';
import { connectionPool } from './traffic-policy.ts';

/** Facts about the whole mesh. The key is always ''. */
export interface MeshFacts {
  readonly meshConfig: Family<string, MeshConfig>;
  readonly rootNamespace: Family<string, string>;
  readonly trustDomain: Family<string, string>;
  /** Aliases, without the trust domain itself. */
  readonly trustDomainAliases: Family<string, readonly string[]>;
  readonly autoMutualTls: Family<string, boolean>;
  /** Whether traffic to unknown destinations passes. */
  readonly allowAny: Family<string, boolean>;
  readonly connectTimeoutMs: Family<string, number>;
  /** TCP keepalive of connections to upstreams, where no rule says otherwise. */
  readonly keepalive: Family<string, ConnectionPool['keepalive']>;
  /** Retries of requests whose rule says nothing about them; undefined for the built-in policy. */
  readonly defaultRetry: Family<string, Retry | undefined>;
  readonly defaultExports: Family<string, DefaultExports>;
  /** Services whose endpoints stay in their own cluster. */
  readonly clusterLocal: Family<string, readonly ClusterLocalRule[]>;
}

/** Namespaces that see objects without an exportTo: `*`, `.` or names. */
export interface DefaultExports {
  readonly service: readonly string[];
  readonly virtualService: readonly string[];
  readonly destinationRule: readonly string[];
}

/** The MeshConfig of a mesh that configures nothing. */
export function defaultMeshConfig(): MeshConfig {
  return create(MeshConfigSchema, {
    proxyListenPort: 15001,
    proxyInboundListenPort: 15006,
    connectTimeout: { seconds: 10n },
    protocolDetectionTimeout: {},
    ingressClass: 'istio',
    ingressService: 'istio-ingressgateway',
    enableTracing: true,
    enableAutoMtls: true,
    enablePrometheusMerge: true,
    rootNamespace: 'istio-system',
    trustDomain: 'cluster.local',
    defaultServiceExportTo: ['*'],
    defaultVirtualServiceExportTo: ['*'],
    defaultDestinationRuleExportTo: ['*'],
    outboundTrafficPolicy: { mode: OutboundMode.ALLOW_ANY },
    localityLbSetting: { enabled: true },
    dnsRefreshRate: { seconds: 60n },
    defaultConfig: {
      configPath: './etc/istio/proxy',
      drainDuration: { seconds: 45n },
      terminationDrainDuration: { seconds: 5n },
      proxyAdminPort: 15000,
      discoveryAddress: 'istiod.istio-system.svc:15012',
      statNameLength: 189,
      statusPort: 15020,
    },
  });
}

/** Reads a MeshConfig from YAML text or a plain object; what it does not set keeps Istio's default. */
export function decodeMeshConfig(input: unknown): { value?: MeshConfig; problems: Problem[] } {
  let json: unknown = input;
  if (typeof input === 'string') {
    try {
      json = parse(input);
    } catch (error) {
      return { problems: [problem('bad-yaml', 'mesh', `MeshConfig is not YAML: ${(error as Error).message}.`)] };
    }
  }
  if (json !== null && json !== undefined && (typeof json !== 'object' || Array.isArray(json))) {
    return { problems: [problem('wrong-type', 'mesh', 'MeshConfig must be a mapping of settings.')] };
  }
  const { spec, unknown, wrong } = decodeSpec(MeshConfigSchema, json, 'mesh');
  const problems = [...unknown.map((p): Problem => ({ ...p, severity: 'warning' })), ...wrong];
  return spec ? { value: withDefaults(spec, json), problems } : { problems };
}

/** Fills what was left out; one level of `defaultConfig`, `outboundTrafficPolicy` … is filled field by field. */
function withDefaults(set: MeshConfig, json: unknown): MeshConfig {
  const given = new Set(Object.keys((json ?? {}) as object));
  const result = clone(MeshConfigSchema, set) as MeshConfig & Record<string, unknown>;
  const defaults = defaultMeshConfig() as MeshConfig & Record<string, unknown>;
  for (const [key, value] of Object.entries(defaults)) {
    if (key === '$typeName') continue;
    if (key === 'defaultConfig' && result.defaultConfig) {
      const proxy = result.defaultConfig as unknown as Record<string, unknown>;
      for (const [name, other] of Object.entries(value as object)) {
        const unset = proxy[name] === undefined || proxy[name] === '' || proxy[name] === 0;
        if (unset) proxy[name] = other;
      }
    } else if (!given.has(key) && !given.has(snake(key))) {
      (result as Record<string, unknown>)[key] = value;
    }
  }
  return result;
}

const snake = (name: string) => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

export function defineMeshFacts(graph: Graph, inputs: MeshInputs, domain: string): MeshFacts {
  const fallback = defaultMeshConfig();
  const meshConfig = graph.derived('meshConfigInForce', (_: string, read) => read(inputs.meshConfig, '') ?? fallback);
  const fact = <V>(name: string, of: (config: MeshConfig) => V): Family<string, V> =>
    graph.derived(name, (_: string, read) => of(read(meshConfig, '')));
  return {
    meshConfig,
    rootNamespace: fact('rootNamespace', (c) => c.rootNamespace || 'istio-system'),
    trustDomain: fact('trustDomain', (c) => c.trustDomain || 'cluster.local'),
    trustDomainAliases: fact('trustDomainAliases', (c) => c.trustDomainAliases.filter((a) => a !== c.trustDomain)),
    autoMutualTls: fact('autoMutualTls', (c) => c.enableAutoMtls !== false),
    allowAny: fact('allowAny', (c) => c.outboundTrafficPolicy?.mode !== OutboundMode.REGISTRY_ONLY),
    connectTimeoutMs: fact('connectTimeoutMs', (c) => milliseconds(c.connectTimeout) ?? 10_000),
    keepalive: fact(
      'keepalive',
      (c) =>
        c.tcpKeepalive &&
        connectionPool(create(ConnectionPoolSettingsSchema, { tcp: { tcpKeepalive: c.tcpKeepalive } })).keepalive,
    ),
    defaultRetry: fact('defaultRetry', (c) => c.defaultHttpRetryPolicy && retryOf(c.defaultHttpRetryPolicy)),
    defaultExports: fact('defaultExports', (c) => ({
      service: orAll(c.defaultServiceExportTo),
      virtualService: orAll(c.defaultVirtualServiceExportTo),
      destinationRule: orAll(c.defaultDestinationRuleExportTo),
    })),
    clusterLocal: fact('clusterLocal', (c) => clusterLocalRules(c, domain)),
  };
}

const orAll = (names: readonly string[]): readonly string[] => (names.length === 0 ? ['*'] : [...names].sort());
