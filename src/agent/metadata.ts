// Node metadata in Istio's names: what a control plane (ours or a stock one) reads about this proxy. Pure.
import { countsOutbound } from './bootstrap-stats.ts';
import type { AgentOptions } from './options.ts';

const PREFIX = 'ISTIO_META_';
const JSON_PREFIX = 'ISTIO_METAJSON_';

/** Istio's version whose data-plane contract this agent follows. */
export const ISTIO_VERSION = '1.28.0';

export type Metadata = Readonly<Record<string, unknown>>;

/** Typed fields win over same-named ISTIO_META_ variables, as in Istio; pod labels win over ISTIO_METAJSON_LABELS. */
export function nodeMetadata(options: AgentOptions): Metadata {
  const meta: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options.env)) {
    if (value !== undefined && name.startsWith(PREFIX)) meta[name.slice(PREFIX.length)] = value;
  }
  for (const [name, value] of Object.entries(options.env)) {
    if (value !== undefined && name.startsWith(JSON_PREFIX)) Object.assign(meta, jsonObject(value));
  }

  const staticLabels = jsonObject(options.env.ISTIO_METAJSON_LABELS);
  const labels: Record<string, unknown> = { ...staticLabels, ...options.labels };
  delete labels['pod-template-hash'];

  const { proxyConfig } = options;
  const ordered: Record<string, unknown> = {
    ...meta,
    NAME: options.podName,
    NAMESPACE: options.namespace,
    SERVICE_ACCOUNT: options.serviceAccount,
    CLUSTER_ID: options.clusterId,
    // Tells the control plane that this agent writes certificates as files; a stock agent serves them over a socket.
    ISTHMUS_SDS_DIR: options.sdsDir,
    INSTANCE_IPS: options.addresses.join(','),
    ISTIO_VERSION: meta.ISTIO_VERSION ?? ISTIO_VERSION,
    LABELS: labels,
    ANNOTATIONS: options.annotations,
    ENVOY_STATUS_PORT: options.envoyStatusPort,
    ENVOY_PROMETHEUS_PORT: options.envoyPrometheusPort,
    PROXY_CONFIG: proxyConfig.raw,
    PILOT_SAN: [options.serverName ?? hostOf(options.xds.address)],
  };
  // Their clusters then need not remember which of their statistics nobody wants.
  if (!countsOutbound(options)) ordered.ISTHMUS_CLUSTER_STATS = 'none';
  if (typeof meta.POD_PORTS === 'string') ordered.POD_PORTS = compactJson(meta.POD_PORTS);
  if (options.exitOnZeroActiveConnections) ordered.EXIT_ON_ZERO_ACTIVE_CONNECTIONS = 'true';
  return Object.fromEntries(Object.entries(ordered).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Envoy's `node.cluster`, the service name in traces: as given, else from the app label or the workload. */
export function serviceCluster(options: AgentOptions): string {
  const { serviceCluster: given } = options.proxyConfig;
  if (given && given !== 'istio-proxy') return given;
  const name = options.labels.app ?? options.env.ISTIO_META_WORKLOAD_NAME ?? 'istio-proxy';
  return options.namespace ? `${name}.${options.namespace}` : name;
}

/** Locality from the label `istio-locality` (`region.zone.subzone`); the control plane knows the node's otherwise. */
export function locality(labels: Readonly<Record<string, string>>): Record<string, string> | undefined {
  const label = labels['istio-locality'];
  if (!label) return undefined;
  const [region = '', zone = '', subZone = ''] = label.includes('/') ? label.split('/') : label.split('.');
  return { region, ...(zone && { zone }), ...(subZone && { sub_zone: subZone }) };
}

/** The host of `host:port`, also for bracketed IPv6. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1');
}

/** The port of `host:port`. Throws when there is none. */
export function portOf(address: string): number {
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  if (!address.includes(':') || !Number.isInteger(port) || port <= 0 || port > 65535) {
    throw new Error(`'${address}': expected host:port`);
  }
  return port;
}

function jsonObject(text: string | undefined): Record<string, unknown> {
  if (!text) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}

function compactJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}
