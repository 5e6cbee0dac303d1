// Proxy classes: what generators may know of a proxy. Proxies of one class share every byte.
import type { Family, Graph, Input, Read } from '../graph/graph.ts';
import type { Mesh } from '../ingest/mesh.ts';
import type { Proxy as ConnectedProxy, ProxyClass } from '../model/proxy.ts';
import { defineAskedLabels } from './asked-labels.ts';

/** Node metadata that generators read; everything else never reaches a class. */
const SETTINGS = [
  'INTERCEPTION_MODE',
  'ISTHMUS_CLUSTER_STATS',
  'ISTHMUS_SDS_DIR',
  'POD_PORTS',
  'HTTP10',
  'DNS_CAPTURE',
  'IDLE_TIMEOUT',
  'UNPRIVILEGED_POD',
  'ROUTER_MODE',
  'ENABLE_HBONE',
] as const;

export interface Classes {
  /** Connected proxies by node id. */
  readonly proxies: Input<ConnectedProxy>;
  /** Node id → class id; undefined when that proxy is not connected. */
  readonly classOf: Family<string, string | undefined>;
  /** The class of a proxy that is not connected (for tests and offline questions). */
  classify(proxy: ConnectedProxy): string;
}

/** What of the mesh decides how much of a proxy its class keeps. */
interface Facts {
  readonly labels: readonly string[];
  readonly nodeMatters: boolean;
}

/** Defines the classes of a mesh. A class id is the canonical JSON of the class: decoding needs no lookup. */
export function defineClasses(graph: Graph, mesh: Mesh): Classes {
  const proxies = graph.input<ConnectedProxy>('proxies');
  const asked = defineAskedLabels(graph, mesh);
  const nodeLocal = graph.index(mesh.inputs.service, 'nodeLocalServices', (s) => (s.nodeLocal ? [''] : []));
  const nodeMatters = graph.derived('nodeMatters', (_: string, read) => read(nodeLocal, '').length > 0);
  const cut = (proxy: ConnectedProxy, facts: Facts): string => {
    const labels: Record<string, string> = {};
    for (const key of facts.labels) {
      const value = proxy.labels[key];
      if (value !== undefined) labels[key] = value;
    }
    const settings: Record<string, string> = {};
    for (const key of SETTINGS) {
      const value = proxy.metadata[key];
      if (value !== undefined && value !== '') settings[key] = String(value);
    }
    const router = proxy.type === 'router';
    return classId({
      type: proxy.type,
      namespace: proxy.namespace,
      cluster: proxy.cluster,
      network: proxy.network,
      serviceAccount: router ? proxy.serviceAccount : '',
      labels,
      locality: proxy.locality,
      node: facts.nodeMatters ? proxy.node : '',
      domain: proxy.domain,
      virtualHostDiscovery: proxy.delta === true,
      settings,
    });
  };
  // Labels change while a proxy is connected, and its pod may become known only after it has connected.
  const withPod = (proxy: ConnectedProxy, read: Read): ConnectedProxy => {
    const pod = read(mesh.inputs.pod, `${proxy.cluster}/${proxy.namespace}/${proxy.instance}`);
    if (!pod) return proxy;
    const place = proxy.locality.region ? undefined : read(mesh.inputs.node, `${proxy.cluster}//${pod.node}`);
    return { ...proxy, labels: { ...proxy.labels, ...pod.labels }, locality: place?.locality ?? proxy.locality };
  };
  return {
    proxies,
    classOf: graph.derived('classOf', (nodeId: string, read) => {
      const connected = read(proxies, nodeId);
      const proxy = connected && withPod(connected, read);
      return proxy && cut(proxy, { labels: read(asked, proxy.namespace), nodeMatters: read(nodeMatters, '') });
    }),
    classify: (proxy) =>
      cut(proxy, { labels: graph.read(asked, proxy.namespace), nodeMatters: graph.read(nodeMatters, '') }),
  };
}

/** Canonical id of a class: equal classes have equal ids. */
export function classId(c: ProxyClass): string {
  return JSON.stringify([
    c.type,
    c.namespace,
    c.cluster,
    c.network,
    c.serviceAccount,
    Object.entries(c.labels).sort(byKey),
    [c.locality.region, c.locality.zone, c.locality.subzone],
    c.node,
    c.domain,
    c.virtualHostDiscovery,
    Object.entries(c.settings).sort(byKey),
  ]);
}

/** The class that an id stands for. */
export function classById(id: string): ProxyClass {
  const [type, namespace, cluster, network, serviceAccount, labels, locality, node, domain, vhd, settings] =
    JSON.parse(id);
  const [region, zone, subzone] = locality;
  return {
    type,
    namespace,
    cluster,
    network,
    serviceAccount,
    labels: Object.fromEntries(labels),
    locality: { region, zone, subzone },
    node,
    domain,
    virtualHostDiscovery: vhd,
    settings: Object.fromEntries(settings),
  };
}

const byKey = ([a]: [string, string], [b]: [string, string]) => (a < b ? -1 : 1);
