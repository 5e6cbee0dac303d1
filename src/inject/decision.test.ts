import { describe, expect, it } from 'vitest';
import { defaultInjectorConfig, type InjectorConfig } from './config.ts';
import { decide, notSelected, type Selection } from './decision.ts';
import type { Pod } from './pod.ts';

const labels = (map: Record<string, string>): Pod => ({ metadata: { labels: map }, spec: {} });
const inject = (value: string) => ({ 'sidecar.istio.io/inject': value });

describe('what a pod and the policy say', () => {
  const never = { ...defaultInjectorConfig, neverInjectSelector: [{ matchLabels: { job: 'x' } }] };
  const always: InjectorConfig = {
    ...never,
    policy: 'disabled',
    alwaysInjectSelector: [{ matchExpressions: [{ key: 'job', operator: 'Exists' }] }, {}],
  };
  const disabled: InjectorConfig = { ...defaultInjectorConfig, policy: 'disabled' };

  it.each<[string, Pod, string, InjectorConfig, boolean, string]>([
    ['by default', labels({}), 'shop', defaultInjectorConfig, true, 'policy-enabled'],
    ['with policy disabled', labels({}), 'shop', disabled, false, 'policy-disabled'],
    ['asked for by label', labels(inject('yes')), 'shop', disabled, true, 'pod-enabled'],
    ['any other word refuses', labels(inject('maybe')), 'shop', defaultInjectorConfig, false, 'pod-disabled'],
    ['by annotation', { metadata: { annotations: inject('On') } }, 'shop', disabled, true, 'pod-enabled'],
    [
      'the label wins',
      { metadata: { labels: inject('false'), annotations: inject('true') } },
      'shop',
      always,
      false,
      'pod-disabled',
    ],
    ['never wins over always', labels({ job: 'x' }), 'shop', always, false, 'never-selector'],
    ['always wins over the policy', labels({ job: 'y' }), 'shop', always, true, 'always-selector'],
    ['an empty selector selects nothing', labels({}), 'shop', always, false, 'policy-disabled'],
    ['the pod wins over selectors', labels({ job: 'x', ...inject('true') }), 'shop', always, true, 'pod-enabled'],
    [
      'host network',
      { spec: { hostNetwork: true }, metadata: { labels: inject('true') } },
      'shop',
      always,
      false,
      'host-network',
    ],
    ['system namespace', labels(inject('true')), 'kube-system', always, false, 'system-namespace'],
  ])('%s', (_, pod, namespace, config, expected, code) => {
    expect(decide(pod, namespace, config)).toMatchObject({ inject: expected, code });
  });
});

describe("what the webhooks' selectors say", () => {
  const base: Selection = { namespaceLabels: {}, podLabels: {}, revision: '', enableNamespacesByDefault: false };
  const enabled = { 'istio-injection': 'enabled' };
  const canary = { 'istio.io/rev': 'canary' };

  it.each<[string, Partial<Selection>, string | undefined]>([
    ['nothing is labelled', {}, 'namespace-not-selected'],
    ['namespaces by default', { enableNamespacesByDefault: true }, undefined],
    ['namespace enabled', { namespaceLabels: enabled }, undefined],
    ['namespace enabled, pod refuses', { namespaceLabels: enabled, podLabels: inject('false') }, 'pod-disabled'],
    [
      'namespace disabled',
      { namespaceLabels: { 'istio-injection': 'disabled' }, podLabels: inject('true') },
      'namespace-disabled',
    ],
    ['pod alone', { podLabels: inject('true') }, undefined],
    ['pod alone, not for a canary', { podLabels: inject('true'), revision: 'canary' }, 'namespace-not-selected'],
    ['revision of the namespace', { namespaceLabels: canary, revision: 'canary' }, undefined],
    [
      'revision of the namespace, pod refuses',
      { namespaceLabels: canary, revision: 'canary', podLabels: inject('false') },
      'pod-disabled',
    ],
    ['another revision', { namespaceLabels: canary }, 'other-revision'],
    ['istio-injection wins over a revision', { namespaceLabels: { ...enabled, ...canary } }, undefined],
    ['and is not for a canary', { namespaceLabels: { ...enabled, ...canary }, revision: 'canary' }, 'other-revision'],
    ['revision of the pod', { podLabels: canary, revision: 'canary' }, undefined],
    ['revision of the pod, another', { podLabels: { ...canary, ...inject('true') } }, 'other-revision'],
    ['the namespace wins over the pod', { namespaceLabels: enabled, podLabels: canary }, undefined],
    ['the default revision has a name', { namespaceLabels: { 'istio.io/rev': 'default' } }, undefined],
  ])('%s', (_, given, code) => {
    expect(notSelected({ ...base, ...given })?.code).toBe(code);
  });
});
