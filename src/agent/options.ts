// What one proxy container was told: arguments, environment and pod files, as one plain value. Pure.

import { CERT_DIR, ROOT_CERT_FILE, SDS_DIR, TOKEN_FILE, WORKLOAD_CREDENTIALS_DIR } from '../lib/paths.ts';
import { parseDuration } from './duration.ts';
import { defaultLevel, type Level } from './log.ts';
import { type ProxyConfig, readProxyConfig } from './proxy-config.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Everything outside this value that decides what the agent does. `documents` are parsed ProxyConfigs, weakest first. */
export interface AgentInput {
  readonly args: readonly string[];
  readonly env: Environment;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly documents: readonly Readonly<Record<string, unknown>>[];
  /** The pod's addresses as its interfaces say; INSTANCE_IP goes first. */
  readonly addresses: readonly string[];
}

/** Times are milliseconds. */
export interface AgentOptions {
  readonly type: 'sidecar' | 'router';
  readonly domain: string;
  readonly nodeId: string;
  readonly addresses: readonly string[];
  readonly podName: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly trustDomain: string;
  readonly clusterId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly proxyConfig: ProxyConfig;
  readonly env: Environment;
  readonly proxyLogLevel: string;
  readonly proxyComponentLogLevel: string;
  readonly level: Level;
  readonly logJson: boolean;
  readonly concurrency?: number;
  readonly caAddress: string;
  /** Name the CA and the xDS server must prove; by default the host that is called. */
  readonly serverName?: string;
  readonly xds: { readonly address: string; readonly tls: boolean };
  /** False: no certificates at all, for plaintext xDS in tests and standalone runs. */
  readonly certificates: boolean;
  readonly certificateTtl: number;
  /** Share of the life at which a certificate is renewed, before jitter. */
  readonly renewAt: number;
  readonly tokenFile: string;
  readonly rootCertFile: string;
  readonly providedDir: string;
  readonly outputDir?: string;
  readonly sdsDir: string;
  readonly certDir: string;
  readonly exitOnZeroActiveConnections: boolean;
  readonly minimumDrainDuration: number;
  readonly envoyStatusPort: number;
  readonly envoyPrometheusPort: number;
  /** Loopback address of the pod's family, where Envoy's admin port is. */
  readonly localhost: '127.0.0.1' | '::1';
  readonly adminPort: number;
  readonly statusPort: number;
  readonly drainDuration: number;
  readonly appProbers?: string;
  readonly prometheusAnnotations?: string;
  readonly problems: readonly string[];
}

/** Reads Istio's flags and environment. Throws when the first word is neither `sidecar` nor `router`. */
export function readAgentOptions(input: AgentInput): AgentOptions {
  const { positional, flags } = splitFlags(input.args);
  const type = positional[0] ?? 'sidecar';
  if (type !== 'sidecar' && type !== 'router') {
    throw new Error(`proxy: unknown type '${type}'; expected 'sidecar' or 'router'`);
  }
  const { config, problems } = readProxyConfig(input.documents, flags.serviceCluster);
  const env: Environment = { ...config.proxyMetadata, ...definedOnly(input.env) };

  const namespace = env.POD_NAMESPACE ?? '';
  const podName = env.POD_NAME ?? '';
  const addresses = [...new Set([...(env.INSTANCE_IP ?? '').split(',').filter(Boolean), ...input.addresses])];
  const domain = flags.domain || `${namespace || 'default'}.svc.cluster.local`;
  const plaintext = env.ISTHMUS_XDS_PLAINTEXT === 'true' || /:15010$/.test(config.discoveryAddress);

  const duration = (name: string, fallback: string): number => {
    const value = parseDuration(env[name] || fallback);
    if (value === undefined) problems.push(`${name}: expected a duration such as ${fallback}, got '${env[name]}'`);
    return value ?? parseDuration(fallback)!;
  };
  const port = (name: string, fallback: number): number => {
    const value = Number(env[name] || fallback);
    if (Number.isInteger(value) && value >= 0 && value < 65536) return value;
    problems.push(`${name}: expected a port, got '${env[name]}'; using ${fallback}`);
    return fallback;
  };

  return {
    type,
    domain,
    nodeId: `${type}~${addresses[0] ?? '127.0.0.1'}~${podName}.${namespace}~${domain}`,
    addresses,
    podName,
    namespace,
    serviceAccount: env.SERVICE_ACCOUNT || 'default',
    trustDomain: env.TRUST_DOMAIN || 'cluster.local',
    clusterId: env.ISTIO_META_CLUSTER_ID || 'Kubernetes',
    labels: input.labels,
    annotations: input.annotations,
    proxyConfig: config,
    env,
    proxyLogLevel: flags.proxyLogLevel || 'warning',
    proxyComponentLogLevel: flags.proxyComponentLogLevel || 'misc:error',
    level: defaultLevel(flags.log_output_level),
    logJson: flags.log_as_json === 'true',
    concurrency: flags.concurrency ? Number(flags.concurrency) : (config.concurrency ?? cpuLimit(env)),
    caAddress: env.CA_ADDR || config.discoveryAddress,
    serverName: env.ISTIOD_SAN || env.CA_SNI || undefined,
    xds: { address: config.discoveryAddress, tls: !plaintext },
    certificates: !(plaintext && env.ISTHMUS_CERTIFICATES !== 'true'),
    certificateTtl: duration('SECRET_TTL', '24h'),
    // Istio's grace period ratio counts from the end of the life.
    renewAt: 1 - ratio(env.SECRET_GRACE_PERIOD_RATIO, 0.55),
    tokenFile: env.ISTHMUS_TOKEN_FILE || TOKEN_FILE,
    rootCertFile: env.CA_ROOT_CA || ROOT_CERT_FILE,
    providedDir: env.ISTHMUS_PROVIDED_CERTS || WORKLOAD_CREDENTIALS_DIR,
    outputDir: env.OUTPUT_CERTS || undefined,
    sdsDir: env.ISTHMUS_SDS_DIR || env.ISTIO_META_ISTHMUS_SDS_DIR || SDS_DIR,
    certDir: env.ISTHMUS_CERT_DIR || CERT_DIR,
    exitOnZeroActiveConnections: env.EXIT_ON_ZERO_ACTIVE_CONNECTIONS === 'true',
    minimumDrainDuration: duration('MINIMUM_DRAIN_DURATION', '5s'),
    envoyStatusPort: port('ENVOY_STATUS_PORT', 15021),
    envoyPrometheusPort: port('ENVOY_PROMETHEUS_PORT', 15090),
    localhost: isIpv6Only(addresses) ? '::1' : '127.0.0.1',
    adminPort: config.proxyAdminPort,
    statusPort: flags.statusPort ? Number(flags.statusPort) : config.statusPort,
    drainDuration: config.terminationDrainDuration,
    appProbers: env.ISTIO_KUBE_APP_PROBERS || undefined,
    prometheusAnnotations: env.ISTIO_PROMETHEUS_ANNOTATIONS || undefined,
    problems,
  };
}

/** Splits `--name value`, `--name=value` and bare `--name` (true) from positional words. Unknown flags are kept, unread. */
export function splitFlags(args: readonly string[]): { positional: string[]; flags: Record<string, string> } {
  const positional: string[] = [];
  const flags: Record<string, string> = {};
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (!arg.startsWith('--')) {
      positional.push(arg);
      continue;
    }
    const at = arg.indexOf('=');
    const next = args[i + 1];
    if (at > 0) flags[arg.slice(2, at)] = arg.slice(at + 1);
    else if (next !== undefined && !next.startsWith('--')) flags[arg.slice(2)] = args[++i]!;
    else flags[arg.slice(2)] = 'true';
  }
  return { positional, flags };
}

/** True for a pod that has addresses, all of them IPv6. */
export function isIpv6Only(addresses: readonly string[]): boolean {
  return addresses.length > 0 && addresses.every((address) => address.includes(':'));
}

function definedOnly(env: Environment): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function cpuLimit(env: Environment): number | undefined {
  const limit = Number(env.ISTIO_CPU_LIMIT);
  return Number.isInteger(limit) && limit > 0 ? limit : undefined;
}

function ratio(text: string | undefined, fallback: number): number {
  const value = Number(text || fallback);
  return value > 0 && value < 1 ? value : fallback;
}
