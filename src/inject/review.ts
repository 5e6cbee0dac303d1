// The injection webhook without its server: body and path in, HTTP answer out. Pure, and no body makes it throw.
import { answerReview, isAnswer, readReview, type WebhookAnswer, type WebhookBody } from './admission.ts';
import { type InjectorSettings, inject } from './inject.ts';
import { isObject } from './json.ts';
import type { ProxyConfig } from './mesh.ts';
import type { Pod, StringMap } from './pod.ts';
import { labelsOf } from './pod.ts';
import { checkPod } from './shape.ts';
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
  const wrong = checkPod(request.object);
  if (wrong.length > 0 || !isObject(request.object.spec)) {
    const message = `this is no pod: ${wrong.map((problem) => problem.message).join('; ') || 'it has no spec'}`;
    return answerReview(request, { allowed: false, message }, message);
  }
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
