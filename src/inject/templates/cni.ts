// Annotations for the CNI plugin, which reads the capture settings from the pod when there is no istio-init container.
import { annotationsOf } from '../pod.ts';
import { excludedInboundPorts } from './capture.ts';
import type { TemplateInput } from './input.ts';
import { annotation, interceptionMode } from './input.ts';

const MULTUS = 'k8s.v1.cni.cncf.io/networks';
const NETWORK = 'default/istio-cni';

export function cniAnnotations(input: TemplateInput): Record<string, string> {
  const { cni } = input.values.pilot;
  if (!cni.enabled) return {};
  const { proxy } = input.values.global;
  const annotations = annotationsOf(input.pod);
  const prefix = 'traffic.sidecar.istio.io/';
  const result: Record<string, string> = {
    'sidecar.istio.io/interceptionMode': interceptionMode(input),
    [`${prefix}includeInboundPorts`]: annotation(input, `${prefix}includeInboundPorts`, proxy.includeInboundPorts),
    [`${prefix}excludeInboundPorts`]: excludedInboundPorts(input),
  };
  if (cni.provider === 'multus') result[MULTUS] = appendNetwork(annotations[MULTUS] ?? '');
  const optional: [string, string][] = [
    ['includeOutboundIPRanges', annotation(input, `${prefix}includeOutboundIPRanges`, proxy.includeIPRanges)],
    ['excludeOutboundIPRanges', annotation(input, `${prefix}excludeOutboundIPRanges`, proxy.excludeIPRanges)],
  ];
  for (const [name, value] of optional) if (value !== '') result[`${prefix}${name}`] = value;
  const ports: [string, string][] = [
    ['includeOutboundPorts', proxy.includeOutboundPorts],
    ['excludeOutboundPorts', proxy.excludeOutboundPorts],
  ];
  for (const [name, fallback] of ports) {
    const value = annotations[`${prefix}${name}`] ?? (fallback || undefined);
    if (value !== undefined) result[`${prefix}${name}`] = value;
  }
  return result;
}

/** Adds the mesh's network to a Multus annotation, which is a comma-separated list or a JSON list; once only. */
export function appendNetwork(existing: string): string {
  const text = existing.trim();
  if (text === '') return NETWORK;
  if (text.includes(NETWORK)) return text;
  if (!text.startsWith('[')) return `${text}, ${NETWORK}`;
  const networks = text.slice(0, text.lastIndexOf(']')).trimEnd();
  const [namespace, name] = NETWORK.split('/');
  const entry = JSON.stringify({ name, namespace });
  return networks === '[' ? `[${entry}]` : `${networks}, ${entry}]`;
}
