// `proxy-config cluster`: what a proxy can send traffic to.
import { at, type Json } from './dump.ts';
import { table } from './table.ts';

export interface ClusterFilter {
  readonly fqdn?: string;
  readonly port?: number;
  readonly subset?: string;
  readonly direction?: string;
}

interface ClusterName {
  readonly fqdn: string;
  readonly port: number;
  readonly subset: string;
  readonly direction: string;
}

/** `outbound|80|v1|host`, also in the form that is allowed in SNI (`outbound_.80_.v1_.host`). */
export function parseClusterName(name: string): ClusterName {
  const parts = name.startsWith('outbound_.') || name.startsWith('inbound_.') ? name.split('_.') : name.split('|');
  if (parts.length !== 4) return { fqdn: name, port: 0, subset: '', direction: '' };
  const [direction = '', port = '', subset = '', fqdn = ''] = parts;
  return { direction, port: Number(port), subset, fqdn };
}

export function filterClusters(clusters: readonly Json[], filter: ClusterFilter): Json[] {
  return clusters
    .filter((cluster) => {
      const name = parseClusterName(String(cluster.name));
      if (filter.fqdn && !name.fqdn.includes(filter.fqdn)) return false;
      if (filter.port && name.port !== filter.port) return false;
      if (filter.subset && name.subset !== filter.subset) return false;
      return !filter.direction || name.direction === filter.direction;
    })
    .sort((a, b) => compareNames(parseClusterName(String(a.name)), parseClusterName(String(b.name))));
}

/** SERVICE FQDN, PORT, SUBSET, DIRECTION, TYPE, DESTINATION RULE. */
export function clusterTable(clusters: readonly Json[]): string {
  const rows = clusters.map((cluster) => {
    const { fqdn, port, subset, direction } = parseClusterName(String(cluster.name));
    const rule = ruleOf(at(cluster, 'metadata', 'filter_metadata', 'istio', 'config'));
    return [fqdn, port ? String(port) : '-', subset || '-', direction || '-', typeOf(cluster), rule];
  });
  return table(['SERVICE FQDN', 'PORT', 'SUBSET', 'DIRECTION', 'TYPE', 'DESTINATION RULE'], rows);
}

function typeOf(cluster: Json): string {
  return String(cluster.type ?? at(cluster, 'cluster_type', 'name') ?? 'STATIC');
}

/** The path that istiod writes into metadata, as `name.namespace`. */
function ruleOf(config: unknown): string {
  const [, namespace, name] = /\/namespaces\/([^/]+)\/destination-rule\/([^/]+)$/.exec(String(config ?? '')) ?? [];
  return name ? `${name}.${namespace}` : '';
}

function compareNames(a: ClusterName, b: ClusterName): number {
  return compare(a.fqdn, b.fqdn) || a.port - b.port || compare(a.subset, b.subset) || compare(a.direction, b.direction);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
