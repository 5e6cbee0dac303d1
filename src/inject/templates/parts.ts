// Pieces that the sidecar's and the gateway's template share: metadata, arguments, resources, probes.
import type { JsonObject } from '../json.ts';
import type { Handler, NamedObject, StringMap } from '../pod.ts';
import { annotationsOf, labelsOf } from '../pod.ts';
import type { Resources } from '../values.ts';
import type { TemplateInput } from './input.ts';
import { annotation, applicationContainers } from './input.ts';

/** `service.istio.io/canonical-*`, from the labels that name a service by convention. A label value has 63 characters. */
export function canonicalLabels(input: TemplateInput): StringMap {
  const labels = labelsOf(input.pod);
  const name =
    labels['service.istio.io/canonical-name'] || labels['app.kubernetes.io/name'] || labels.app || input.workload.name;
  const revision =
    labels['service.istio.io/canonical-revision'] || labels['app.kubernetes.io/version'] || labels.version || 'latest';
  return {
    'service.istio.io/canonical-name': name.slice(0, 63).replace(/-$/, ''),
    'service.istio.io/canonical-revision': revision,
  };
}

/** The revision, and kubectl's default container: the application's first one unless the pod says otherwise. */
export function commonAnnotations(input: TemplateInput): Record<string, string> {
  const result: Record<string, string> = { 'istio.io/rev': input.revision || 'default' };
  const first = applicationContainers(input)[0];
  if (first === undefined) return result;
  for (const name of ['kubectl.kubernetes.io/default-logs-container', 'kubectl.kubernetes.io/default-container']) {
    if (annotationsOf(input.pod)[name] === undefined) result[name] = first;
  }
  return result;
}

/** Arguments of `pilot-agent`. */
export function proxyArgs(input: TemplateInput, type: 'sidecar' | 'router'): string[] {
  const { global } = input.values;
  const args = [
    'proxy',
    type,
    '--domain',
    `$(POD_NAMESPACE).svc.${global.proxy.clusterDomain}`,
    `--proxyLogLevel=${annotation(input, 'sidecar.istio.io/logLevel', global.proxy.logLevel)}`,
    `--proxyComponentLogLevel=${annotation(input, 'sidecar.istio.io/componentLogLevel', global.proxy.componentLogLevel)}`,
    `--log_output_level=${agentLogLevel(input)}`,
  ];
  if (global.logAsJson) args.push('--log_as_json');
  if (global.proxy.outlierLogPath) args.push(`--outlierLogPath=${global.proxy.outlierLogPath}`);
  return args;
}

export function agentLogLevel(input: TemplateInput): string {
  return annotation(input, 'sidecar.istio.io/agentLogLevel', input.values.global.logging.level);
}

/** Resources of the proxy. If any of the four annotations is set, the defaults do not apply at all. As in Istio. */
export function proxyResources(input: TemplateInput): JsonObject {
  const annotations = annotationsOf(input.pod);
  const cpu = annotations['sidecar.istio.io/proxyCPU'];
  const memory = annotations['sidecar.istio.io/proxyMemory'];
  const cpuLimit = annotations['sidecar.istio.io/proxyCPULimit'];
  const memoryLimit = annotations['sidecar.istio.io/proxyMemoryLimit'];
  if (cpu ?? memory ?? cpuLimit ?? memoryLimit) {
    return { ...amounts('requests', { cpu, memory }), ...amounts('limits', { cpu: cpuLimit, memory: memoryLimit }) };
  }
  return input.values.global.proxy.resources as Resources & JsonObject;
}

function amounts(part: string, quantities: Readonly<Record<string, string | undefined>>): JsonObject {
  const given = Object.fromEntries(Object.entries(quantities).filter(([, value]) => value !== undefined));
  return Object.keys(given).length > 0 ? { [part]: given } : {};
}

/** Envoy's own health port: ready when the agent has a certificate and Envoy its listeners. */
export function readinessProbe(settings: { delay: number; period: number; failures: number }): Handler {
  return {
    httpGet: { path: '/healthz/ready', port: 15021 },
    ...(settings.delay > 0 ? { initialDelaySeconds: settings.delay } : {}),
    periodSeconds: settings.period,
    timeoutSeconds: 3,
    failureThreshold: settings.failures,
  };
}

export function seccomp(profile: JsonObject): JsonObject {
  return Object.keys(profile).length > 0 ? { seccompProfile: profile } : {};
}

export function pullPolicy(input: TemplateInput): JsonObject {
  const { imagePullPolicy } = input.values.global;
  return imagePullPolicy ? { imagePullPolicy } : {};
}

export function pullSecrets(input: TemplateInput): { imagePullSecrets?: NamedObject[] } {
  const { imagePullSecrets } = input.values.global;
  return imagePullSecrets.length > 0 ? { imagePullSecrets: imagePullSecrets.map((name) => ({ name })) } : {};
}

/** Hooks given in the values replace those that a template would write. */
export function customLifecycle(input: TemplateInput): JsonObject | undefined {
  const { lifecycle } = input.values.global.proxy;
  return Object.keys(lifecycle).length > 0 ? lifecycle : undefined;
}

/** The port where Prometheus scrapes Envoy itself. */
export const METRICS_PORT = { containerPort: 15090, protocol: 'TCP', name: 'http-envoy-prom' };
