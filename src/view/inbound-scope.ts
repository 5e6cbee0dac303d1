// Proxies that get the same inbound configuration: the part of a class that decides it.
import type { Family, Graph } from '../graph/graph.ts';
import { classById } from './class.ts';

/** What inbound generators know of a sidecar. */
export interface InboundScope {
  readonly namespace: string;
  readonly cluster: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly podPorts: Readonly<Record<string, number>>;
  readonly sdsDir: string;
}

/** Class id → inbound scope; '' for proxies that serve no workload (gateways). */
export function defineInboundScope(graph: Graph): Family<string, string> {
  return graph.derived('inboundScope', (id: string) => {
    const { type, namespace, cluster, labels, settings } = classById(id);
    if (type !== 'sidecar') return '';
    const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify([namespace, cluster, sorted, settings.POD_PORTS ?? '', settings.ISTHMUS_SDS_DIR ?? '']);
  });
}

export function inboundScopeById(scope: string): InboundScope {
  const [namespace, cluster, labels, ports, sdsDir] = JSON.parse(scope);
  return { namespace, cluster, labels: Object.fromEntries(labels), podPorts: podPorts(ports), sdsDir };
}

/** Node metadata POD_PORTS: a JSON list of container ports. What cannot be read names no ports. */
function podPorts(json: string): Record<string, number> {
  const ports: Record<string, number> = {};
  if (!json) return ports;
  try {
    const list: unknown = JSON.parse(json);
    for (const entry of Array.isArray(list) ? list : []) {
      const { name, containerPort } = entry as { name?: unknown; containerPort?: unknown };
      if (typeof name === 'string' && typeof containerPort === 'number') ports[name] = containerPort;
    }
  } catch {
    // An agent of another kind: target ports by name are then unknown.
  }
  return ports;
}
