// `proxy-config endpoint`: the hosts behind each cluster, from Envoy's /clusters (with its own view of their health) or a dump.
import { addressOf, at, type Json, list } from './dump.ts';
import { table } from './table.ts';

export interface EndpointFilter {
  readonly address?: string;
  readonly port?: number;
  readonly cluster?: string;
  readonly status?: string;
}

export interface EndpointRow {
  readonly address: string;
  readonly port: number;
  readonly cluster: string;
  readonly status: string;
  /** Undefined in a dump, which does not know. */
  readonly outlier: string | undefined;
  readonly locality: string;
  readonly raw: Json;
}

/** From the answer of `/clusters?format=json`. */
export function endpointsOfStatus(answer: Json): EndpointRow[] {
  return list(answer.cluster_statuses).flatMap((cluster) =>
    list(cluster.host_statuses).map((host) => ({
      ...addressOf(host.address),
      cluster: String(cluster.name),
      status: String(at(host, 'health_status', 'eds_health_status') ?? 'UNKNOWN'),
      outlier: at(host, 'health_status', 'failed_outlier_check') === true ? 'FAILED' : 'OK',
      locality: localityOf(host.locality),
      raw: host,
    })),
  );
}

/** From the ClusterLoadAssignments of a dump (`include_eds`), and the inline ones of its clusters. */
export function endpointsOfDump(assignments: readonly Json[], clusters: readonly Json[]): EndpointRow[] {
  const named = new Set(assignments.map((assignment) => assignment.cluster_name));
  const inline = clusters
    .map((cluster) => cluster.load_assignment as Json | undefined)
    .filter((found) => found !== undefined)
    .filter((found) => !named.has(found.cluster_name));
  return [...assignments, ...inline].flatMap((assignment) =>
    list(assignment.endpoints).flatMap((group) =>
      list(group.lb_endpoints).map((host) => ({
        ...addressOf(at(host, 'endpoint', 'address')),
        cluster: String(assignment.cluster_name),
        status: String(host.health_status ?? 'HEALTHY'),
        outlier: undefined,
        locality: localityOf(group.locality),
        raw: host,
      })),
    ),
  );
}

export function filterEndpoints(rows: readonly EndpointRow[], filter: EndpointFilter): EndpointRow[] {
  return rows
    .filter((row) => {
      if (filter.address && row.address !== filter.address) return false;
      if (filter.port && row.port !== filter.port) return false;
      if (filter.cluster && row.cluster !== filter.cluster) return false;
      return !filter.status || row.status.toLowerCase() === filter.status.toLowerCase();
    })
    .sort((a, b) => compare(a.cluster, b.cluster) || compare(a.address, b.address) || a.port - b.port);
}

/** ENDPOINT, STATUS, OUTLIER CHECK (or LOCALITY, from a dump), CLUSTER. */
export function endpointTable(rows: readonly EndpointRow[]): string {
  const live = rows.every((row) => row.outlier !== undefined);
  const third = (row: EndpointRow): string => (live ? (row.outlier ?? '') : row.locality);
  return table(
    ['ENDPOINT', 'STATUS', live ? 'OUTLIER CHECK' : 'LOCALITY', 'CLUSTER'],
    rows.map((row) => [row.port ? `${row.address}:${row.port}` : row.address, row.status, third(row), row.cluster]),
  );
}

function localityOf(locality: unknown): string {
  return ['region', 'zone', 'sub_zone']
    .map((part) => at(locality, part))
    .filter(Boolean)
    .join('/');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
