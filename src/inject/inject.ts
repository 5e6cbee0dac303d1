// Injection of one pod, pure: what goes in decides what comes out. The webhook, kube-inject and diagnostics call this.
import type { Problem } from '../model/problem.ts';
import { checkAnnotations } from './annotations.ts';
import type { InjectorConfig } from './config.ts';
import type { Decision } from './decision.ts';
import { decide, notSelected } from './decision.ts';
import type { JsonValue } from './json.ts';
import { compact } from './json.ts';
import type { MeshSettings, ProxyConfig } from './mesh.ts';
import { mergeProxyConfig, parseProxyConfig } from './mesh.ts';
import { orderContainers } from './order.ts';
import { applyOverrides } from './overrides.ts';
import type { PatchOperation } from './patch.ts';
import { diffJson } from './patch.ts';
import type { Pod, StringMap } from './pod.ts';
import { annotationsOf, labelsOf, mapContainer, PROXY, withAnnotations } from './pod.ts';
import { rewriteProbes } from './probes.ts';
import { mergeMetrics } from './prometheus.ts';
import { checkPod } from './shape.ts';
import { readOverrides, readStatus, STATUS, statusText, withoutInjection } from './status.ts';
import type { TemplateInput, Workload } from './templates/input.ts';
import { holdsApplication, interceptionMode } from './templates/input.ts';
import { runTemplates, templateNames } from './templates/run.ts';
import type { InjectionValues } from './values.ts';
import { workloadOf } from './workload.ts';

export interface InjectorSettings {
  readonly config: InjectorConfig;
  readonly values: InjectionValues;
  readonly mesh: MeshSettings;
  /** Revision of the control plane; '' means `default`. */
  readonly revision: string;
}

export interface InjectRequest extends InjectorSettings {
  readonly pod: Pod;
  readonly namespace: {
    readonly name: string;
    /** Given: the webhooks' selectors are checked too. Absent: a webhook was called, so they selected the pod. */
    readonly labels?: StringMap;
  };
  /** Absent: read from the pod's owner references. */
  readonly workload?: Workload;
  /** ProxyConfig resources that apply, merged; between the mesh's defaults and the pod's annotation. */
  readonly proxyConfig?: ProxyConfig;
  readonly cluster: {
    readonly nativeSidecars: boolean;
    /**
     * Environment that the caller's path gives (`/inject/cluster/c2/net/n2`); `ISTIO_META_CLUSTER_ID` and
     * `ISTIO_META_NETWORK` win over the values.
     */
    readonly env?: StringMap;
  };
}

export interface InjectResult {
  readonly decision: Decision;
  /** The pod after injection; the given one when nothing was injected. */
  readonly pod: Pod;
  /** From the given pod to the injected one; empty when nothing was injected. */
  readonly patch: readonly PatchOperation[];
  readonly problems: readonly Problem[];
}

/**
 * Decides and injects. A problem of severity error means the pod was left alone and should be refused: its annotations
 * or the injector's templates ask for something that cannot be done.
 */
export function inject(request: InjectRequest): InjectResult {
  const { pod, config } = request;
  const malformed = checkPod(pod);
  if (isFatal(malformed)) return refused(pod, malformed);
  const decision = decisionFor(request);
  if (!decision.inject) return { decision, pod, patch: [], problems: [] };

  const annotations = annotationsOf(pod);
  const own = parseProxyConfig(annotations['proxy.istio.io/config'] ?? '');
  const kept = readOverrides(pod);
  const problems = [...checkAnnotations(annotations), ...own.problems, ...kept.problems];
  if (isFatal(problems)) return refused(pod, problems);

  const proxyConfig = [request.proxyConfig ?? {}, own.config].reduce(mergeProxyConfig, request.mesh.defaultConfig);
  const agentPort = request.mesh.defaultConfig.statusPort ?? 15020;
  const env = clusterEnv(request);
  const input: TemplateInput = {
    pod: withoutInjection(pod, agentPort, kept.overrides),
    workload: request.workload ?? workloadOf(pod, request.namespace.name),
    values: request.values,
    mesh: request.mesh,
    proxyConfig,
    revision: request.revision,
    nativeSidecar: request.cluster.nativeSidecars,
    cluster: env.ISTIO_META_CLUSTER_ID ?? '',
    network: env.ISTIO_META_NETWORK ?? '',
  };
  const run = runTemplates(pod, templateNames(pod, config), input, config);
  problems.push(...run.problems);
  if (isFatal(problems)) return refused(pod, problems);

  const status = readStatus(pod);
  const transparent = interceptionMode(input) === 'TPROXY';
  let result = applyOverrides(run.merged, {
    original: pod,
    added: run.added,
    kept: kept.overrides,
    status,
    transparent,
  });
  result = withClusterEnv(result, env);
  result = mergeMetrics(result, request.mesh, agentPort);
  const probes = rewriteProbes(result, {
    rewrite: request.values.sidecarInjectorWebhook.rewriteAppHTTPProbe,
    agentPort,
    reinjected: status !== undefined,
  });
  problems.push(...probes.problems, ...warnings(pod));
  result = withMetadata(probes.pod, request, env, statusText(run.added, request.revision));
  result = compact(orderContainers(result, holdsApplication(input)));
  return { decision, pod: result, patch: diffJson(pod as JsonValue, result as JsonValue), problems };
}

function decisionFor(request: InjectRequest): Decision {
  const { namespace, pod, values, revision, config } = request;
  const refusal =
    namespace.labels &&
    notSelected({
      namespaceLabels: namespace.labels,
      podLabels: labelsOf(pod),
      revision,
      enableNamespacesByDefault: values.sidecarInjectorWebhook.enableNamespacesByDefault,
    });
  return refusal ?? decide(pod, namespace.name, config);
}

/** Cluster and network: the pod's own label, then the webhook's path, then the values. */
function clusterEnv(request: InjectRequest): Record<string, string> {
  const { global } = request.values;
  const env: Record<string, string> = { ...request.cluster.env };
  env.ISTIO_META_CLUSTER_ID ||= global.multiCluster.clusterName;
  env.ISTIO_META_NETWORK =
    labelsOf(request.pod)['topology.istio.io/network'] || env.ISTIO_META_NETWORK || global.network;
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
}

/** The path's environment replaces what a template wrote, so that custom templates follow it too. */
function withClusterEnv(pod: Pod, env: StringMap): Pod {
  if (Object.keys(env).length === 0) return pod;
  return mapContainer(pod, PROXY, (container) => {
    const others = (container.env ?? []).filter((item) => !Object.hasOwn(env, item.name));
    const given = Object.keys(env)
      .sort()
      .map((name) => ({ name, value: env[name]! }));
    return { ...container, env: [...others, ...given] };
  });
}

function withMetadata(pod: Pod, request: InjectRequest, env: StringMap, status: string): Pod {
  const network = env.ISTIO_META_NETWORK;
  const labels = network ? { ...labelsOf(pod), 'topology.istio.io/network': network } : labelsOf(pod);
  const annotated = withAnnotations(pod, {
    ...annotationsOf(pod),
    [STATUS]: status,
    ...request.config.injectedAnnotations,
  });
  return { ...annotated, metadata: { ...annotated.metadata, labels } };
}

/** What works, but probably not as meant. */
function warnings(pod: Pod): Problem[] {
  const result: Problem[] = [];
  const policy = pod.spec?.dnsPolicy;
  if (policy !== undefined && policy !== 'ClusterFirst') {
    result.push(
      warning(
        'dns-policy',
        'spec.dnsPolicy',
        `dnsPolicy is ${policy}: the proxy may not find the control plane; use ClusterFirst`,
      ),
    );
  }
  const image = annotationsOf(pod)['sidecar.istio.io/proxyImage'];
  if (image !== undefined && !image.includes('/')) {
    const path = 'metadata.annotations["sidecar.istio.io/proxyImage"]';
    result.push(
      warning('image-ignored', path, `${image} is not a whole image reference (hub/name:tag) and is not used`),
    );
  }
  return result;
}

function warning(code: string, path: string, message: string): Problem {
  return { code, severity: 'warning', path, message };
}

function isFatal(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}

function refused(pod: Pod, problems: readonly Problem[]): InjectResult {
  const first = problems.find((problem) => problem.severity === 'error');
  const decision: Decision = { inject: false, code: 'invalid', reason: first?.message ?? 'the pod cannot be injected' };
  return { decision, pod, patch: [], problems };
}
