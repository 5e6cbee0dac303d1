// What injection reads from the injector ConfigMap's `values` (JSON), with types, defaults and checks. Other keys are kept in `raw`.

import { parse } from 'yaml';
import type { Problem } from '../model/problem.ts';
import { defaultValues } from './defaults.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { isObject } from './json.ts';
import type { LabelSelector } from './selector.ts';

/** Quantities by resource name. `null` is how a value of an overlay removes an entry. */
export type Quantities = Readonly<Record<string, string | number | null>>;

export interface Resources {
  readonly requests?: Quantities;
  readonly limits?: Quantities;
}

export interface ProxyValues {
  /** Image name below `global.hub`, or a whole reference when it has a slash. */
  readonly image: string;
  readonly clusterDomain: string;
  readonly logLevel: string;
  readonly componentLogLevel: string;
  readonly outlierLogPath: string;
  readonly privileged: boolean;
  readonly capNetBindService: boolean;
  readonly holdApplicationUntilProxyStarts: boolean;
  readonly resources: Resources;
  /** Replaces the lifecycle hooks that injection would write. */
  readonly lifecycle: JsonObject;
  readonly seccompProfile: JsonObject;
  readonly startupProbe: { readonly enabled: boolean; readonly failureThreshold: number };
  readonly readinessInitialDelaySeconds: number;
  readonly readinessPeriodSeconds: number;
  readonly readinessFailureThreshold: number;
  /** Port of the agent's probe and metrics server; 0 means no probes. */
  readonly statusPort: number;
  readonly includeIPRanges: string;
  readonly excludeIPRanges: string;
  readonly includeInboundPorts: string;
  readonly excludeInboundPorts: string;
  readonly includeOutboundPorts: string;
  readonly excludeOutboundPorts: string;
}

export interface GlobalValues {
  readonly hub: string;
  readonly tag: string;
  /** Image flavour appended to the tag (`debug`, `distroless`); '' for none. */
  readonly variant: string;
  readonly imagePullPolicy: string;
  readonly imagePullSecrets: readonly string[];
  readonly istioNamespace: string;
  readonly caAddress: string;
  readonly pilotCertProvider: string;
  readonly meshID: string;
  readonly network: string;
  readonly trustBundleName: string;
  readonly mountMtlsCerts: boolean;
  readonly logAsJson: boolean;
  readonly nativeNftables: boolean;
  readonly logging: { readonly level: string };
  readonly multiCluster: { readonly clusterName: string };
  readonly sds: { readonly token: { readonly aud: string } };
  readonly proxy: ProxyValues;
  readonly proxy_init: { readonly image: string; readonly forceApplyIptables: boolean };
}

export interface InjectionValues {
  readonly revision: string;
  readonly global: GlobalValues;
  readonly pilot: {
    readonly cni: { readonly enabled: boolean; readonly provider: string };
    readonly env: JsonObject;
    readonly crlConfigMapName: string;
  };
  readonly gateways: { readonly securityContext: JsonObject; readonly seccompProfile: JsonObject };
  readonly sidecarInjectorWebhook: {
    readonly rewriteAppHTTPProbe: boolean;
    readonly enableNamespacesByDefault: boolean;
    readonly injectedAnnotations: JsonObject;
    readonly alwaysInjectSelector: readonly LabelSelector[];
    readonly neverInjectSelector: readonly LabelSelector[];
    readonly defaultTemplates: readonly string[];
    /** Custom templates by name: Go templates (the subset of gotemplate/) or plain YAML. */
    readonly templates: JsonObject;
  };
  /** The whole document as it came, for custom templates (`.Values`). */
  readonly raw: JsonObject;
}

export interface ParsedValues {
  readonly values: InjectionValues;
  readonly problems: readonly Problem[];
}

/** As `parseValues`, from the text under the key `values` of the injector's ConfigMap (JSON or YAML). */
export function parseValuesText(text: string): ParsedValues {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    const { values } = parseValues(undefined);
    return { values, problems: [invalid('', `not YAML: ${(error as Error).message.split('\n')[0]}`)] };
  }
  return parseValues(document);
}

/**
 * Lays a values document over the defaults. A value of the wrong type is reported and the default used; `null` means
 * "not set", as in Helm, and is kept only inside free-form objects. Unknown keys are allowed: the document is shared.
 */
export function parseValues(document: unknown): ParsedValues {
  const problems: Problem[] = [];
  const raw = isObject(document) ? document : {};
  if (!isObject(document) && document !== undefined && document !== null) {
    problems.push(invalid('', 'a values document must be an object'));
  }
  const merged = overlay(defaultValues as unknown as JsonObject, raw, '', problems);
  return { values: { ...(merged as unknown as Omit<InjectionValues, 'raw'>), raw }, problems };
}

/** Objects whose content is passed on as it is, nulls included. */
const FREE_FORM = new Set([
  'global.proxy.lifecycle',
  'global.proxy.seccompProfile',
  'pilot.env',
  'gateways.securityContext',
  'gateways.seccompProfile',
  'sidecarInjectorWebhook.injectedAnnotations',
  'sidecarInjectorWebhook.templates',
]);

function overlay(defaults: JsonObject, over: JsonObject, path: string, problems: Problem[]): JsonObject {
  const result: Record<string, JsonValue> = {};
  for (const [key, fallback] of Object.entries(defaults)) {
    const at = path ? `${path}.${key}` : key;
    const value = over[key];
    result[key] = value === undefined || value === null ? fallback! : accept(fallback!, value, at, problems);
  }
  return result;
}

function accept(fallback: JsonValue, value: JsonValue, at: string, problems: Problem[]): JsonValue {
  if (at === 'global.proxy.resources') return resources(fallback, value, problems);
  if (Array.isArray(fallback)) {
    if (Array.isArray(value)) return at === 'global.imagePullSecrets' ? value.map(String) : value;
    problems.push(invalid(at, 'expected a list'));
    return fallback;
  }
  if (isObject(fallback)) {
    if (!isObject(value)) {
      problems.push(invalid(at, 'expected an object'));
      return fallback;
    }
    return FREE_FORM.has(at) ? value : overlay(fallback, value, at, problems);
  }
  return scalar(fallback, value, at, problems);
}

function scalar(fallback: JsonValue, value: JsonValue, at: string, problems: Problem[]): JsonValue {
  if (typeof fallback === 'string' && (typeof value === 'string' || typeof value === 'number')) return String(value);
  if (typeof fallback === 'boolean') {
    if (typeof value === 'boolean') return value;
    if (value === 'true' || value === 'false') return value === 'true';
  }
  if (typeof fallback === 'number') {
    if (typeof value === 'number') return value;
    if (typeof value === 'string' && /^-?\d+$/.test(value)) return Number(value);
  }
  problems.push(invalid(at, `expected a ${typeof fallback}, got ${JSON.stringify(value)}`));
  return fallback;
}

/** Each of requests and limits is merged entry by entry; `null` removes the default's entry. */
function resources(fallback: JsonValue, value: JsonValue, problems: Problem[]): JsonValue {
  if (!isObject(value) || !isObject(fallback)) {
    problems.push(invalid('global.proxy.resources', 'expected an object'));
    return fallback;
  }
  const result: Record<string, JsonValue> = {};
  for (const part of ['requests', 'limits']) {
    const given = value[part];
    if (given === null) continue;
    const base = isObject(fallback[part]) ? fallback[part] : {};
    const merged = { ...base, ...(isObject(given) ? given : {}) };
    const kept = Object.fromEntries(Object.entries(merged).filter(([, quantity]) => quantity !== null));
    if (Object.keys(kept).length > 0) result[part] = kept;
  }
  return result;
}

function invalid(path: string, message: string): Problem {
  return {
    code: 'invalid-injector-values',
    severity: 'error',
    path: path ? `values.${path}` : 'values',
    message: `${message}; the default is used. Correct it in the ConfigMap istio-sidecar-injector or the IstioOperator`,
  };
}
