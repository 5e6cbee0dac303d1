// Whether a pod gets a sidecar, and why. Two gates: the webhooks' selectors on namespace and pod labels, then the pod itself.
import type { InjectorConfig } from './config.ts';
import type { Pod, StringMap } from './pod.ts';
import { annotationsOf, labelsOf } from './pod.ts';
import type { LabelSelector } from './selector.ts';
import { isEmptySelector, matchesSelector } from './selector.ts';

export type DecisionCode =
  | 'host-network'
  | 'system-namespace'
  | 'namespace-disabled'
  | 'namespace-not-selected'
  | 'other-revision'
  | 'pod-disabled'
  | 'pod-enabled'
  | 'never-selector'
  | 'always-selector'
  | 'policy-disabled'
  | 'policy-enabled'
  | 'invalid';

export interface Decision {
  readonly inject: boolean;
  readonly code: DecisionCode;
  /** One sentence for logs and for users. */
  readonly reason: string;
}

/** Kubernetes' own namespaces, never injected. As in Istio. */
export const SYSTEM_NAMESPACES: readonly string[] = [
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'local-path-storage',
];

export interface Selection {
  readonly namespaceLabels: StringMap;
  readonly podLabels: StringMap;
  /** Revision of the control plane that asks; '' means `default`. */
  readonly revision: string;
  readonly enableNamespacesByDefault: boolean;
}

/**
 * What the selectors of the mutating webhooks of this revision say: undefined when they select the pod, else why not.
 * `istio-injection` wins over `istio.io/rev`; a revision label of the pod counts only where the namespace says nothing.
 */
export function notSelected(selection: Selection): Decision | undefined {
  const revision = selection.revision || 'default';
  const injection = selection.namespaceLabels['istio-injection'];
  const namespaceRevision = selection.namespaceLabels['istio.io/rev'];
  const podRevision = selection.podLabels['istio.io/rev'];
  const podInject = selection.podLabels['sidecar.istio.io/inject'];

  if (injection !== undefined) {
    if (injection !== 'enabled') {
      return no('namespace-disabled', `the namespace is labelled istio-injection=${injection}`);
    }
    if (revision !== 'default') {
      return no('other-revision', `istio-injection=enabled belongs to revision default, not to ${revision}`);
    }
    return podInject === 'false' ? disabledByPod('label') : undefined;
  }
  if (namespaceRevision !== undefined) {
    if (namespaceRevision !== revision) {
      return no('other-revision', `the namespace belongs to revision ${namespaceRevision}, not to ${revision}`);
    }
    return podInject === 'false' ? disabledByPod('label') : undefined;
  }
  if (podInject === 'false') return disabledByPod('label');
  if (podRevision !== undefined) {
    if (podRevision === revision) return undefined;
    return no('other-revision', `the pod belongs to revision ${podRevision}, not to ${revision}`);
  }
  if (revision === 'default' && (podInject === 'true' || selection.enableNamespacesByDefault)) return undefined;
  return no('namespace-not-selected', 'neither the namespace nor the pod has a label that enables injection');
}

/** What the pod itself and the injector's policy say, once a webhook was called for it. */
export function decide(pod: Pod, namespace: string, config: InjectorConfig): Decision {
  if (pod.spec?.hostNetwork === true) {
    return no('host-network', 'the pod uses the host network, where traffic capture would change the node itself');
  }
  if (SYSTEM_NAMESPACES.includes(namespace)) {
    return no('system-namespace', `${namespace} is a namespace of Kubernetes itself`);
  }
  const labels = labelsOf(pod);
  const label = labels['sidecar.istio.io/inject'];
  const wish = label ?? annotationsOf(pod)['sidecar.istio.io/inject'] ?? '';
  const from = label !== undefined ? 'label' : 'annotation';
  if (wish !== '') {
    return ['y', 'yes', 'true', 'on'].includes(wish.toLowerCase())
      ? { inject: true, code: 'pod-enabled', reason: `the pod's ${from} sidecar.istio.io/inject is ${wish}` }
      : disabledByPod(from);
  }
  if (anyMatches(config.neverInjectSelector, labels)) {
    return no('never-selector', "the pod's labels match neverInjectSelector");
  }
  if (anyMatches(config.alwaysInjectSelector, labels)) {
    return { inject: true, code: 'always-selector', reason: "the pod's labels match alwaysInjectSelector" };
  }
  return config.policy === 'enabled'
    ? { inject: true, code: 'policy-enabled', reason: "the injector's policy is enabled" }
    : no('policy-disabled', "the injector's policy is disabled and the pod does not ask for a sidecar");
}

function anyMatches(selectors: readonly LabelSelector[], labels: StringMap): boolean {
  return selectors.some((selector) => !isEmptySelector(selector) && matchesSelector(selector, labels) === true);
}

function disabledByPod(from: 'label' | 'annotation'): Decision {
  return no('pod-disabled', `the pod's ${from} sidecar.istio.io/inject refuses a sidecar`);
}

function no(code: DecisionCode, reason: string): Decision {
  return { inject: false, code, reason };
}
