// Gateway proxies that get the same configuration: the part of a class that decides it.
import type { Family, Graph } from '../graph/graph.ts';
import { classById } from './class.ts';

/** What gateway generators know of a proxy. */
export interface GatewayScope {
  readonly namespace: string;
  readonly cluster: string;
  readonly network: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly sdsDir: string;
  readonly unprivileged: boolean;
}

/** Class id → gateway scope; '' for proxies that are no gateways. */
export function defineGatewayScope(graph: Graph): Family<string, string> {
  return graph.derived('gatewayScope', (id: string) => {
    const { type, namespace, cluster, network, labels, settings } = classById(id);
    if (type !== 'router') return '';
    const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
    const unprivileged = settings.UNPRIVILEGED_POD === 'true';
    return JSON.stringify([namespace, cluster, network, sorted, settings.ISTHMUS_SDS_DIR ?? '', unprivileged]);
  });
}

export function gatewayScopeById(scope: string): GatewayScope {
  const [namespace, cluster, network, labels, sdsDir, unprivileged] = JSON.parse(scope);
  return { namespace, cluster, network, labels: Object.fromEntries(labels), sdsDir, unprivileged };
}
