// Servers of Gateways that no proxy opens because another Gateway was there first, as problems of the Gateways that lose.
import { gatewayInput } from '../envoy/gateway/views.ts';
import type { Read } from '../graph/graph.ts';
import type { Mesh } from '../ingest/mesh.ts';
import type { Problem } from '../model/problem.ts';
import type { Classes } from '../view/class.ts';
import { gatewayListeners } from '../view/gateway.ts';
import { defineGatewayScope, gatewayScopeById } from '../view/gateway-scope.ts';
import type { ProblemBook } from './problem-book.ts';

export interface GatewayConflictsOptions {
  readonly mesh: Mesh;
  readonly classes: Pick<Classes, 'proxies' | 'classOf'>;
  readonly problems: Pick<ProblemBook, 'set'>;
}

/** Looks at the gateways that are connected: whether two Gateways meet depends on the pods that both select. */
export function watchGatewayConflicts({ mesh, classes, problems }: GatewayConflictsOptions): Disposable {
  const { graph } = mesh;
  const routers = graph.index(classes.proxies, 'connectedRouters', ({ type }) => (type === 'router' ? [''] : []));
  const scopeOf = defineGatewayScope(graph);
  const conflicts = graph.derived('gatewayConflicts', (_: string, read): readonly Problem[] => {
    const scopes = new Set<string>();
    for (const proxy of read(routers, '')) {
      const id = read(classes.classOf, proxy);
      if (id !== undefined) scopes.add(read(scopeOf, id));
    }
    return [...scopes].sort().flatMap((scope) => conflictsOf(read, mesh, scope));
  });
  let told = new Set<string>();
  const tell = (found: readonly Problem[]): void => {
    const bySource = new Map<string, Map<string, Problem>>();
    for (const problem of found) {
      const { namespace, name } = problem.object!;
      const source = `Gateway ${namespace}/${name} at the proxies`;
      // Proxies of several scopes lose the same server.
      bySource.set(source, (bySource.get(source) ?? new Map<string, Problem>()).set(problem.message, problem));
    }
    for (const source of told) if (!bySource.has(source)) problems.set(source, []);
    for (const [source, of] of bySource) problems.set(source, [...of.values()]);
    told = new Set(bySource.keys());
  };
  const observed = graph.observe(conflicts, '', tell);
  tell(graph.read(conflicts, ''));
  return observed;
}

function conflictsOf(read: Read, mesh: Mesh, scope: string): Problem[] {
  const found = gatewayListeners(gatewayInput(read, mesh, gatewayScopeById(scope))).conflicts;
  return found.map(({ gateway, server, reason }) => {
    const [namespace = '', name = ''] = gateway.split('/');
    const hosts = server.hosts.map(({ host }) => host).join(', ');
    const message =
      `the server for ${hosts} on port ${server.port} is left out: ${reason}. ` +
      'Give one of the two another port, other hosts or another selector.';
    const object = { cluster: mesh.configCluster, kind: 'Gateway', namespace, name };
    return { code: 'gateway-conflict', severity: 'warning', path: 'spec.servers', message, object };
  });
}
