// The command line and environment of the control plane: those arguments of `pilot-discovery discovery` that matter here.
import { type ParseArgsConfig, parseArgs } from 'node:util';

export interface ControlOptions {
  readonly help: boolean;
  /** '' for in-cluster, else a path. */
  readonly kubeconfig: string;
  readonly context: string;
  /** Directory of YAML files to serve instead of (or besides) a cluster. */
  readonly configDir: string;
  /** Listener addresses, `host:port`; '' opens none. */
  readonly grpcAddr: string;
  readonly secureGrpcAddr: string;
  readonly httpsAddr: string;
  readonly httpAddr: string;
  readonly monitoringAddr: string;
  /** File with a MeshConfig; '' follows the ConfigMap. */
  readonly meshConfig: string;
  readonly domain: string;
  readonly clusterId: string;
  readonly namespace: string;
  readonly revision: string;
  /** Where remote secrets are. */
  readonly remoteSecretsNamespace: string;
  readonly allowExecAuth: boolean;
  readonly logLevels: string;
  readonly logJson: boolean;
  readonly shutdownMs: number;
  readonly maxConnectionAgeMs: number;
  readonly remoteTimeoutMs: number;
  readonly podName: string;
  readonly warnings: readonly string[];
}

/** A command line that cannot be obeyed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const FLAGS = {
  help: { type: 'boolean', short: 'h' },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  'config-dir': { type: 'string' },
  configDir: { type: 'string' },
  grpcAddr: { type: 'string' },
  secureGRPCAddr: { type: 'string' },
  httpsAddr: { type: 'string' },
  httpAddr: { type: 'string' },
  monitoringAddr: { type: 'string' },
  meshConfig: { type: 'string' },
  domain: { type: 'string' },
  clusterID: { type: 'string' },
  namespace: { type: 'string', short: 'n' },
  revision: { type: 'string' },
  clusterRegistriesNamespace: { type: 'string' },
  allowExecAuth: { type: 'boolean' },
  log_output_level: { type: 'string' },
  log_as_json: { type: 'boolean' },
  shutdownDuration: { type: 'string' },
  keepaliveMaxServerConnectionAge: { type: 'string' },
  remoteTimeout: { type: 'string' },
} as const satisfies ParseArgsConfig['options'];

/** Flags of the reference that change nothing here, with the reason that is shown. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  caCertFile: 'put the CA into the Secret "cacerts"',
  clusterAliases: 'cluster names have no aliases',
  ctrlz_address: 'log levels change at /debug/loglevel',
  ctrlz_port: 'log levels change at /debug/loglevel',
  keepaliveInterval: 'keepalive is fixed',
  keepaliveTimeout: 'keepalive is fixed',
  kubernetesApiBurst: 'requests are limited by connections',
  kubernetesApiQPS: 'requests are limited by connections',
  log_caller: 'logs have no caller information',
  log_rotate: 'logs go to stdout',
  log_rotate_max_age: 'logs go to stdout',
  log_rotate_max_backups: 'logs go to stdout',
  log_rotate_max_size: 'logs go to stdout',
  log_stacktrace_level: 'errors carry their cause',
  log_target: 'logs go to stdout',
  networksConfig: 'networks come from the MeshConfig',
  plugins: 'there are no plugins',
  profile: 'there is no Go profiler',
  registries: 'services come from Kubernetes',
  resync: 'watches never resync',
  'tls-cipher-suites': 'cipher suites are fixed',
  tlsCertFile: 'the mesh CA signs the certificate',
  tlsKeyFile: 'the mesh CA signs the certificate',
  vklog: 'use --log_output_level',
};

export const USAGE = `Usage: isthmus control [flags]     (also: pilot-discovery discovery [flags])

Serves the mesh's configuration to its proxies.

  --kubeconfig FILE        API server of the config cluster (default: the pod's own)
  --context NAME           context of that kubeconfig
  --config-dir DIR         serve YAML files instead of a cluster, following edits
  --grpcAddr ADDR          plaintext xDS (default 127.0.0.1:15010)
  --secureGRPCAddr ADDR    xDS and CA over TLS (default :15012)
  --httpsAddr ADDR         webhooks (default :15017)
  --httpAddr ADDR          /ready and debug (default :8080)
  --monitoringAddr ADDR    metrics and debug (default :15014)
  --meshConfig FILE        MeshConfig from a file instead of the ConfigMap "istio"
  --domain DOMAIN          suffix of service names (default cluster.local)
  --clusterID NAME         name of the config cluster (env CLUSTER_ID, default Kubernetes)
  --namespace NS           where the control plane lives (env POD_NAMESPACE, default istio-system)
  --revision REV           whose webhooks are kept right (env REVISION, default default)
  --allowExecAuth          allow remote secrets to name credential plugins
  --remoteTimeout 30s      how long to wait for a remote cluster before serving without it
  --log_output_level L     e.g. default:info,xds:debug
  --log_as_json            JSON logs
  --shutdownDuration 10s   time for proxies to move away on SIGTERM

An empty address ('') opens no listener. With --config-dir alone only --grpcAddr is opened unless others are given.
`;

type Env = Readonly<Record<string, string | undefined>>;

/** Understands arguments and environment. Throws UsageError that names the argument. */
export function parseOptions(args: readonly string[], env: Env = process.env): ControlOptions {
  const warnings: string[] = [];
  const kept = dropIgnored(args[0] === 'discovery' ? args.slice(1) : args, warnings);
  const values = parse(kept);
  const configDir = values['config-dir'] ?? values.configDir ?? '';
  const kubeconfig = values.kubeconfig ?? '';
  const standalone = configDir !== '' && kubeconfig === '';
  const address = (flag: keyof typeof values, otherwise: string): string => {
    const given = values[flag] as string | undefined;
    return checkAddress(flag, given ?? (standalone && flag !== 'grpcAddr' ? '' : otherwise));
  };
  const namespace = values.namespace ?? env.POD_NAMESPACE ?? 'istio-system';
  return {
    help: values.help ?? false,
    kubeconfig,
    context: values.context ?? '',
    configDir,
    grpcAddr: address('grpcAddr', '127.0.0.1:15010'),
    secureGrpcAddr: address('secureGRPCAddr', ':15012'),
    httpsAddr: address('httpsAddr', ':15017'),
    httpAddr: address('httpAddr', ':8080'),
    monitoringAddr: address('monitoringAddr', ':15014'),
    meshConfig: values.meshConfig ?? '',
    domain: values.domain ?? 'cluster.local',
    clusterId: values.clusterID || env.CLUSTER_ID || 'Kubernetes',
    namespace,
    revision: values.revision || env.REVISION || 'default',
    remoteSecretsNamespace: values.clusterRegistriesNamespace || namespace,
    allowExecAuth:
      values.allowExecAuth ?? env.PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS?.split(',').includes('exec') ?? false,
    logLevels: values.log_output_level ?? '',
    logJson: values.log_as_json ?? false,
    shutdownMs: duration('shutdownDuration', values.shutdownDuration ?? '10s'),
    maxConnectionAgeMs: duration('keepaliveMaxServerConnectionAge', values.keepaliveMaxServerConnectionAge ?? '0s'),
    remoteTimeoutMs: duration('remoteTimeout', values.remoteTimeout ?? env.PILOT_REMOTE_CLUSTER_TIMEOUT ?? '30s'),
    podName: env.POD_NAME || 'istiod',
    warnings,
  };
}

function parse(args: string[]) {
  try {
    const { values, positionals } = parseArgs({ args, options: FLAGS, strict: true, allowPositionals: true });
    if (positionals.length) throw new UsageError(`unexpected argument "${positionals[0]}"`);
    return values;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Takes out flags that are understood but change nothing, and says so. */
function dropIgnored(args: readonly string[], warnings: string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index]!;
    const [, name = '', inline] = /^--([^=]+)(=.*)?$/.exec(arg) ?? [];
    const reason = WITHOUT_EFFECT[name];
    if (reason === undefined) {
      kept.push(arg);
      continue;
    }
    warnings.push(`--${name} has no effect: ${reason}`);
    const next = args[index + 1];
    if (inline === undefined && next !== undefined && !next.startsWith('-')) index += 1;
  }
  return kept;
}

function checkAddress(flag: string, text: string): string {
  if (text === '' || /^.*:\d{1,5}$/.test(text)) return text;
  throw new UsageError(`--${flag}: "${text}" is not an address; expected host:port or :port`);
}

/** Go's durations (`1m30s`, `500ms`), in ms. */
function duration(flag: string, text: string): number {
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (!parts.length || parts.map(([part]) => part).join('') !== text) {
    throw new UsageError(`--${flag}: "${text}" is not a duration; expected for example 30s or 1m30s`);
  }
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * units[unit!]!, 0);
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Splits `host:port`. No host means every interface. */
export function splitAddress(text: string): Address {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}
