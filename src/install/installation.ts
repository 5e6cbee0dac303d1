// What a validated and merged IstioOperator says, in the shape the manifest builders read.
import { flagAt, type JsonObject, objectAt, textAt } from './json.ts';

export interface Installation {
  /** Name of the IstioOperator document, `unknown` when it has none: who owns the objects it makes. */
  readonly owner: string;
  /** The revision; '' is the default one. */
  readonly revision: string;
  /** Namespace of the mesh (`values.global.istioNamespace`). */
  readonly namespace: string;
  readonly spec: JsonObject;
  readonly values: JsonObject;
}

/** Component names as istioctl writes them into the label `operator.istio.io/component`. */
export type ComponentName = 'Base' | 'Pilot' | 'IstiodRemote' | 'IngressGateways' | 'EgressGateways';

/** Labels that say who made an object and to which part it belongs; pruning and uninstalling go by them. */
export const OWNER_LABEL = 'install.operator.istio.io/owning-resource';
export const OWNER_NAMESPACE_LABEL = 'install.operator.istio.io/owning-resource-namespace';
export const COMPONENT_LABEL = 'operator.istio.io/component';
export const MANAGED_LABEL = 'operator.istio.io/managed';
export const REVISION_LABEL = 'istio.io/rev';
/** Tells our objects from those of another product that uses the same names. */
export const MANAGER_LABEL = 'app.kubernetes.io/managed-by';
export const MANAGER = 'isthmus';

/** `-canary` for revision canary, '' for the default revision: the end of most names. */
export function revisionSuffix(installation: Installation): string {
  return installation.revision ? `-${installation.revision}` : '';
}

/** Name and namespace of the control plane's Service. */
export function istiodHost(installation: Installation): { readonly name: string; readonly namespace: string } {
  return { name: `istiod${revisionSuffix(installation)}`, namespace: controlNamespace(installation) };
}

/** Where the control plane runs: the component's own namespace, else the mesh's. */
export function controlNamespace(installation: Installation): string {
  return textAt(installation.spec, 'components.pilot.namespace', installation.namespace);
}

/** The labels every object of a component carries; `app` and `release` stay as in Istio, tools look for them. */
export function labelsOf(
  installation: Installation,
  component: ComponentName,
  own: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    [MANAGER_LABEL]: MANAGER,
    'app.kubernetes.io/part-of': 'istio',
    release: 'istio',
    [REVISION_LABEL]: installation.revision || 'default',
    [OWNER_LABEL]: installation.owner,
    [OWNER_NAMESPACE_LABEL]: installation.namespace,
    [COMPONENT_LABEL]: component,
    [MANAGED_LABEL]: 'Reconcile',
    ...own,
  };
}

/** `hub/image:tag[-variant]`; an image with a slash is complete already. Component settings win over the spec's. */
export function imageOf(installation: Installation, image: string, component: JsonObject = {}): string {
  if (image.includes('/')) return image;
  const { spec, values } = installation;
  const hub = textAt(component, 'hub') || textAt(values, 'global.hub') || textAt(spec, 'hub');
  const tag = textAt(component, 'tag') || textAt(values, 'global.tag') || textAt(spec, 'tag');
  const variant = textAt(component, 'variant') || textAt(values, 'global.variant');
  return `${hub}/${image}:${tag}${variant ? `-${variant}` : ''}`;
}

/** The name of this cluster in the mesh. */
export function clusterName(installation: Installation): string {
  return textAt(installation.values, 'global.multiCluster.clusterName', 'Kubernetes');
}

/** Settings that all containers share. */
export function pullPolicy(installation: Installation, k8s: JsonObject): string | undefined {
  return textAt(k8s, 'imagePullPolicy') || textAt(installation.values, 'global.imagePullPolicy') || undefined;
}

/** `--log_as_json` where asked for. */
export function logArguments(values: JsonObject): string[] {
  const level = `--log_output_level=${textAt(values, 'global.logging.level', 'default:info')}`;
  return flagAt(values, 'global.logAsJson') ? [level, '--log_as_json'] : [level];
}

/** `imagePullSecrets` for ServiceAccounts and pods; undefined when there are none. */
export function pullSecrets(values: JsonObject): { readonly name: string }[] | undefined {
  const names = objectAt(values, 'global').imagePullSecrets;
  return Array.isArray(names) && names.length > 0 ? names.map((name) => ({ name: String(name) })) : undefined;
}
