// The part of MeshConfig that injection reads, and how ProxyConfig layers (mesh, ProxyConfig resource, annotation) combine.
import { parse as parseYaml } from 'yaml';
import type { Problem } from '../model/problem.ts';
import { defaultMesh, defaultProxyConfig } from './defaults.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { isObject, sameJson } from './json.ts';

/** istio.mesh.v1alpha1.ProxyConfig in its JSON form. Fields that injection does not use pass through to the agent. */
export interface ProxyConfig extends JsonObject {
  readonly discoveryAddress?: string;
  readonly meshId?: string;
  readonly interceptionMode?: string;
  readonly holdApplicationUntilProxyStarts?: boolean;
  readonly statusPort?: number;
  readonly concurrency?: number;
  readonly proxyMetadata?: Readonly<Record<string, string>>;
  readonly image?: { readonly imageType?: string };
}

export interface MeshSettings {
  readonly trustDomain: string;
  readonly enablePrometheusMerge: boolean;
  readonly proxyListenPort: number;
  readonly proxyInboundListenPort: number;
  readonly inboundTrafficPolicy: 'PASSTHROUGH' | 'LOCALHOST';
  /** An OpenTelemetry provider asks for resource attributes by the semantic conventions. */
  readonly otelSemanticConventions: boolean;
  readonly defaultConfig: ProxyConfig;
}

/** Reads MeshConfig (an object, or YAML as in the ConfigMap `istio`). Wrong types are reported and the default used. */
export function parseMesh(document: unknown): { readonly mesh: MeshSettings; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const raw = typeof document === 'string' ? readYaml(document, 'mesh', problems) : document;
  const config = isObject(raw) ? raw : {};
  const proxy = isObject(config.defaultConfig) ? (config.defaultConfig as ProxyConfig) : {};
  const policy = isObject(config.inboundTrafficPolicy) ? config.inboundTrafficPolicy.mode : undefined;
  const mesh: MeshSettings = {
    trustDomain: pick(config.trustDomain, defaultMesh.trustDomain, 'mesh.trustDomain', problems),
    enablePrometheusMerge: pick(
      config.enablePrometheusMerge,
      defaultMesh.enablePrometheusMerge,
      'mesh.enablePrometheusMerge',
      problems,
    ),
    proxyListenPort: pick(config.proxyListenPort, defaultMesh.proxyListenPort, 'mesh.proxyListenPort', problems),
    proxyInboundListenPort: pick(
      config.proxyInboundListenPort,
      defaultMesh.proxyInboundListenPort,
      'mesh.proxyInboundListenPort',
      problems,
    ),
    inboundTrafficPolicy: policy === 'LOCALHOST' ? 'LOCALHOST' : 'PASSTHROUGH',
    otelSemanticConventions: usesSemanticConventions(config.extensionProviders),
    defaultConfig: mergeProxyConfig(defaultProxyConfig, proxy),
  };
  return { mesh, problems };
}

/** One layer of ProxyConfig over another: `proxyMetadata` and `runtimeValues` merge by key, all else replaces. As in Istio. */
export function mergeProxyConfig(base: ProxyConfig, over: ProxyConfig): ProxyConfig {
  const result: Record<string, JsonValue | undefined> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (value === undefined || value === null) continue;
    const current = result[key];
    const byKey = (key === 'proxyMetadata' || key === 'runtimeValues') && isObject(current) && isObject(value);
    result[key] = byKey ? { ...current, ...value } : value;
  }
  return result as ProxyConfig;
}

/** Reads the annotation `proxy.istio.io/config`: YAML or JSON of a ProxyConfig. */
export function parseProxyConfig(text: string): {
  readonly config: ProxyConfig;
  readonly problems: readonly Problem[];
} {
  const problems: Problem[] = [];
  const path = 'metadata.annotations["proxy.istio.io/config"]';
  const raw = readYaml(text, path, problems);
  if (raw === undefined || raw === null) return { config: {}, problems };
  if (!isObject(raw)) {
    problems.push(invalid(path, 'must be a ProxyConfig object in YAML or JSON'));
    return { config: {}, problems };
  }
  const config: Record<string, JsonValue | undefined> = {};
  for (const [name, value] of Object.entries(raw)) config[camelCase(name)] = value;
  check(config, path, problems);
  return { config: config as ProxyConfig, problems };
}

/**
 * The value of `PROXY_CONFIG` for the agent: what differs from the defaults, and always the discovery address and the
 * mesh id, so that an agent needs no defaults of its own to find the control plane.
 */
export function proxyConfigEnv(config: ProxyConfig, meshId: string): string {
  const result: Record<string, JsonValue | undefined> = {
    discoveryAddress: config.discoveryAddress ?? defaultProxyConfig.discoveryAddress,
    meshId: config.meshId ?? meshId,
  };
  for (const [key, value] of Object.entries(config)) {
    if (value !== undefined && !sameJson(value, defaultProxyConfig[key])) result[key] = value;
  }
  return JSON.stringify(result);
}

function check(config: JsonObject, path: string, problems: Problem[]): void {
  const expected: Record<string, string> = {
    discoveryAddress: 'string',
    meshId: 'string',
    interceptionMode: 'string',
    holdApplicationUntilProxyStarts: 'boolean',
    statusPort: 'number',
    concurrency: 'number',
    proxyMetadata: 'object',
    image: 'object',
  };
  for (const [key, type] of Object.entries(expected)) {
    const value = config[key];
    if (value === undefined || value === null) continue;
    const fits = type === 'object' ? isObject(value) : typeof value === type;
    if (!fits) problems.push(invalid(`${path}.${key}`, `must be a ${type}, got ${JSON.stringify(value)}`));
  }
}

function usesSemanticConventions(providers: JsonValue | undefined): boolean {
  if (!Array.isArray(providers)) return false;
  return providers.some((provider) => {
    const otel = isObject(provider) ? provider.opentelemetry : undefined;
    return isObject(otel) && otel.serviceAttributeEnrichment === 'OTEL_SEMANTIC_CONVENTIONS';
  });
}

function pick<T extends string | number | boolean>(
  value: JsonValue | undefined,
  fallback: T,
  path: string,
  problems: Problem[],
): T {
  if (value === undefined || value === null || value === '') return fallback;
  if (typeof value === typeof fallback) return value as T;
  problems.push(invalid(path, `must be a ${typeof fallback}, got ${JSON.stringify(value)}`));
  return fallback;
}

function readYaml(text: string, path: string, problems: Problem[]): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    problems.push(invalid(path, `is not valid YAML: ${(error as Error).message.split('\n')[0]}`));
    return undefined;
  }
}

/** Protobuf JSON accepts both spellings of a field name. */
function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function invalid(path: string, message: string): Problem {
  return { code: 'invalid-proxy-config', severity: 'error', path, message };
}
