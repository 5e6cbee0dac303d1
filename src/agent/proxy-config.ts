// Istio's ProxyConfig as far as the agent acts on it: the mesh's defaults, PROXY_CONFIG and the pod's annotation, merged.
import { parseDuration } from './duration.ts';

/** One pattern list each way to name more Envoy statistics to keep. */
export interface StatsMatcher {
  readonly inclusionPrefixes: readonly string[];
  readonly inclusionSuffixes: readonly string[];
  readonly inclusionRegexps: readonly string[];
}

/** Durations are milliseconds. */
export interface ProxyConfig {
  readonly discoveryAddress: string;
  readonly configPath: string;
  readonly binaryPath: string;
  readonly serviceCluster: string;
  readonly drainDuration: number;
  readonly terminationDrainDuration: number;
  readonly proxyAdminPort: number;
  readonly statusPort: number;
  /** Worker threads; 0 is one per core. Undefined: by the container's CPU limit. */
  readonly concurrency?: number;
  readonly statNameLength: number;
  readonly extraStatTags: readonly string[];
  readonly statsMatcher: StatsMatcher;
  readonly proxyMetadata: Readonly<Record<string, string>>;
  /** The merged document as given, for the node metadata field PROXY_CONFIG. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** What Istio's own defaults are (`mesh.DefaultProxyConfig`), in the JSON form of the API. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  configPath: './etc/istio/proxy',
  binaryPath: '/usr/local/bin/envoy',
  serviceCluster: 'istio-proxy',
  drainDuration: '45s',
  discoveryAddress: 'istiod.istio-system.svc:15012',
  proxyAdminPort: 15000,
  controlPlaneAuthPolicy: 'MUTUAL_TLS',
  statNameLength: 189,
  statusPort: 15020,
  terminationDrainDuration: '5s',
};

/**
 * Merges documents, later ones over earlier ones; maps (proxyMetadata) key by key, everything else whole. A field with
 * an unusable value keeps the default and is reported in `problems`.
 */
export function readProxyConfig(
  documents: readonly Readonly<Record<string, unknown>>[],
  serviceCluster?: string,
): { config: ProxyConfig; problems: string[] } {
  const problems: string[] = [];
  const raw: Record<string, unknown> = { ...DEFAULTS };
  for (const document of documents) {
    for (const [name, value] of Object.entries(document)) {
      raw[name] = name === 'proxyMetadata' ? { ...record(raw[name]), ...record(value) } : value;
    }
  }
  if (serviceCluster) raw.serviceCluster = serviceCluster;

  const text = (name: string): string => {
    if (typeof raw[name] === 'string' && raw[name] !== '') return raw[name];
    problems.push(`proxyConfig.${name}: expected text, got ${JSON.stringify(raw[name])}; using ${DEFAULTS[name]}`);
    return String(DEFAULTS[name]);
  };
  const number = (name: string): number => {
    if (Number.isInteger(raw[name]) && Number(raw[name]) >= 0) return Number(raw[name]);
    problems.push(`proxyConfig.${name}: expected a number, got ${JSON.stringify(raw[name])}; using ${DEFAULTS[name]}`);
    return Number(DEFAULTS[name]);
  };
  const duration = (name: string): number => {
    const value = parseDuration(text(name));
    if (value !== undefined) return value;
    problems.push(`proxyConfig.${name}: expected a duration such as 5s, got ${JSON.stringify(raw[name])}`);
    return parseDuration(String(DEFAULTS[name]))!;
  };

  const matcher = record(raw.proxyStatsMatcher);
  const config: ProxyConfig = {
    discoveryAddress: text('discoveryAddress'),
    configPath: text('configPath').replace(/^\.\//, '/'),
    binaryPath: text('binaryPath'),
    serviceCluster: text('serviceCluster'),
    drainDuration: duration('drainDuration'),
    terminationDrainDuration: duration('terminationDrainDuration'),
    proxyAdminPort: number('proxyAdminPort'),
    statusPort: number('statusPort'),
    concurrency: raw.concurrency === undefined || raw.concurrency === null ? undefined : number('concurrency'),
    statNameLength: number('statNameLength'),
    extraStatTags: strings(raw.extraStatTags),
    statsMatcher: {
      inclusionPrefixes: strings(matcher.inclusionPrefixes),
      inclusionSuffixes: strings(matcher.inclusionSuffixes),
      inclusionRegexps: strings(matcher.inclusionRegexps),
    },
    proxyMetadata: Object.fromEntries(Object.entries(record(raw.proxyMetadata)).map(([k, v]) => [k, String(v)])),
    raw,
  };
  return { config, problems };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}
