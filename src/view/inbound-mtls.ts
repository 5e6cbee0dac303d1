// Which connections a workload accepts: PeerAuthentication of the mesh, its namespace, itself and its ports, combined.
import type { MutualTls, PeerAuthentication } from '../model/security.ts';
import { byAge, selects } from './selector.ts';

/** What a port accepts; the API's `unset` is resolved. */
export type AcceptedTls = 'disable' | 'permissive' | 'strict';

export interface WorkloadMutualTls {
  readonly mode: AcceptedTls;
  /** Ports of the workload that differ from `mode`. */
  readonly ports: Readonly<Record<number, AcceptedTls>>;
}

export interface WorkloadScope {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly rootNamespace: string;
}

/**
 * The narrowest policy that says something wins: port, workload, namespace, mesh, PERMISSIVE. Within one level the oldest
 * policy counts. Policies of other namespaces may be passed and are ignored.
 */
export function workloadMutualTls(
  policies: readonly PeerAuthentication[],
  { namespace, labels, rootNamespace }: WorkloadScope,
): WorkloadMutualTls {
  const ordered = [...policies].sort(byAge);
  const level = (where: string, own: boolean) =>
    ordered.find(
      ({ source, selector }) =>
        source.namespace === where &&
        (own ? hasSelector(selector) && selects(selector, labels) : !hasSelector(selector)),
    );
  const mesh = resolve(level(rootNamespace, false)?.mode, 'permissive');
  const inNamespace = resolve(level(namespace, false)?.mode, mesh);
  const workload = level(namespace, true);
  const mode = resolve(workload?.mode, inNamespace);
  const ports: Record<number, AcceptedTls> = {};
  for (const [port, wanted] of Object.entries(workload?.ports ?? {})) {
    const effective = resolve(wanted, mode);
    const number = Number(port);
    // A number that is no port would make proxies refuse the listener.
    if (effective !== mode && number > 0 && number < 65536) ports[number] = effective;
  }
  return { mode, ports };
}

const hasSelector = (selector: PeerAuthentication['selector']): boolean =>
  selector !== undefined && Object.keys(selector).length > 0;

const resolve = (mode: MutualTls | undefined, inherited: AcceptedTls): AcceptedTls =>
  mode === undefined || mode === 'unset' ? inherited : mode;
