// IstioOperator documents for the tests: real installations whose containers only pause, so that they get ready at once.
import { stringify } from 'yaml';
import { PAUSE_IMAGE } from '../../lab/containerd.ts';

interface Patch {
  readonly path: string;
  readonly value?: unknown;
}

/** Patches that make a container of a Deployment do nothing, successfully. */
function pausing(deployment: string, container: string): object {
  const at = `spec.template.spec.containers.[name:${container}]`;
  const patches: Patch[] = [
    { path: `${at}.image`, value: PAUSE_IMAGE },
    { path: `${at}.args` },
    { path: `${at}.readinessProbe` },
    { path: 'spec.template.spec.terminationGracePeriodSeconds', value: 0 },
  ];
  return { kind: 'Deployment', name: deployment, patches };
}

export interface DocumentOptions {
  readonly name?: string;
  readonly profile?: string;
  readonly gateways?: readonly string[];
  /** Anything more for the spec's top level. */
  readonly spec?: object;
  readonly pilot?: object;
}

/** A document with the control plane (unless the profile has none) and these ingress gateways. */
export function operator({
  name,
  profile = 'minimal',
  gateways = [],
  spec = {},
  pilot = {},
}: DocumentOptions = {}): string {
  const control =
    profile === 'empty' || profile === 'remote'
      ? {}
      : { pilot: { k8s: { overlays: [pausing('istiod', 'discovery')] }, ...pilot } };
  const ingressGateways = gateways.map((gateway) => ({
    name: gateway,
    enabled: true,
    label: { app: gateway, istio: gateway },
    k8s: { overlays: [pausing(gateway, 'istio-proxy')] },
  }));
  return stringify({
    apiVersion: 'install.istio.io/v1alpha1',
    kind: 'IstioOperator',
    ...(name ? { metadata: { name } } : {}),
    spec: {
      profile,
      components: { ...control, ...(ingressGateways.length > 0 ? { ingressGateways } : {}) },
      values: { global: { network: 'network1' } },
      ...spec,
    },
  });
}
