// The injection webhook without its server: body and path in, HTTP answer out. Pure, and no body makes it throw.
import { answerReview, isAnswer, readReview, type WebhookAnswer, type WebhookBody } from './admission.ts';
import { type InjectorSettings, inject } from './inject.ts';
import { isObject, type JsonObject } from './json.ts';
import type { ProxyConfig } from './mesh.ts';
import type { Pod, StringMap } from './pod.ts';
import { labelsOf } from './pod.ts';
import { parseInjectPath } from './webhook-path.ts';

export interface InjectionContext extends InjectorSettings {
  /** Whether all nodes of a cluster can run native sidecars; '' is the cluster of this control plane. */
  readonly nativeSidecars: (cluster: string) => boolean;
  /** ProxyConfig resources that apply to a pod, merged. */
  readonly proxyConfig?: (namespace: string, labels: StringMap) => ProxyConfig | undefined;
}

export interface InjectionCall extends WebhookBody {
  /** As requested, e.g. `/inject/cluster/cluster2/net/network1`. */
  readonly path: string;
  readonly query?: Iterable<readonly [string, string]>;
}

/**
 * Answers one call. A pod that is not to be injected is allowed as it is; one whose annotations or templates cannot be
 * obeyed is denied with all problems. A body that is no AdmissionReview gives HTTP 400 or 415.
 */
export function answerInjection(call: InjectionCall, context: InjectionContext): WebhookAnswer {
  const request = readReview(call);
  if (isAnswer(request)) return request;
  if (request.object === undefined) {
    const message = `a ${request.operation || 'request'} without an object has nothing to inject`;
    return answerReview(request, { allowed: true }, message);
  }
  const kind = request.resourceKind || String(request.object.kind ?? '');
  if (kind !== 'Pod') {
    const message = `injection is for Pods, this is a ${kind || 'nameless kind'}; correct the webhook's rules`;
    return answerReview(request, { allowed: false, code: 400, reason: 'BadRequest', message }, message);
  }
  const wrong = malformed(request.object);
  if (wrong) return answerReview(request, { allowed: false, message: wrong }, wrong);

  const pod = request.object as Pod;
  const namespace = pod.metadata?.namespace || request.namespace;
  const env = parseInjectPath(call.path, call.query);
  const result = inject({
    config: context.config,
    values: context.values,
    mesh: context.mesh,
    revision: context.revision,
    pod,
    namespace: { name: namespace },
    proxyConfig: context.proxyConfig?.(namespace, labelsOf(pod)),
    cluster: { env, nativeSidecars: context.nativeSidecars(env.ISTIO_META_CLUSTER_ID ?? '') },
  });
  const name = `${namespace}/${pod.metadata?.name || `${pod.metadata?.generateName ?? ''}*`}`;
  const errors = result.problems.filter((problem) => problem.severity === 'error').map((problem) => problem.message);
  if (errors.length > 0) {
    const message = `pod ${name} cannot be injected: ${errors.join('; ')}`;
    return answerReview(request, { allowed: false, message }, message);
  }
  const warnings = result.problems
    .filter((problem) => problem.severity === 'warning')
    .map((problem) => problem.message);
  const verb = result.decision.inject ? 'injected' : 'not injected';
  const message = `pod ${name} ${verb}: ${result.decision.reason}`;
  return answerReview(request, { allowed: true, patch: result.patch, warnings }, message);
}

/** Injection relies on these shapes; the API server sends them right, others may not. */
function malformed({ metadata, spec }: JsonObject): string | undefined {
  if (metadata !== undefined && !isObject(metadata)) return 'metadata of the pod is not an object';
  if (!isObject(spec)) return 'the pod has no spec';
  for (const name of ['labels', 'annotations']) {
    const map = metadata?.[name];
    const fits =
      map === undefined || map === null || (isObject(map) && Object.values(map).every((v) => typeof v === 'string'));
    if (!fits) return `metadata.${name} of the pod must be an object of strings`;
  }
  for (const name of ['containers', 'initContainers', 'volumes', 'imagePullSecrets']) {
    const list = spec[name];
    const fits = list === undefined || list === null || (Array.isArray(list) && list.every((item) => isObject(item)));
    if (!fits) return `spec.${name} of the pod must be a list of objects`;
  }
  return undefined;
}
