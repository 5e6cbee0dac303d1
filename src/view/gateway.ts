// What a gateway proxy listens on: the servers of all Gateways that select it, merged by port.
import type { Gateway, GatewayServer } from '../model/gateway.ts';
import type { Service } from '../model/service.ts';
import { byAge, selects } from './selector.ts';

/** One server of one Gateway, as this proxy serves it. */
export interface BoundServer {
  /** `namespace/name` of the Gateway. */
  readonly gateway: string;
  readonly gatewayNamespace: string;
  readonly server: GatewayServer;
  /** The port that callers use; routes match on it. */
  readonly port: number;
  /** The port that the proxy listens on. */
  readonly targetPort: number;
  /** Route table of an HTTP server; '' for others. */
  readonly routeName: string;
}

/** One listening socket. All its servers are of one kind: plaintext HTTP, TLS told apart by server name, or opaque TCP. */
export interface GatewayListener {
  readonly bind: string;
  readonly port: number;
  readonly kind: 'http' | 'tls' | 'tcp';
  readonly servers: readonly BoundServer[];
}

export interface GatewayConflict {
  readonly gateway: string;
  readonly server: GatewayServer;
  readonly reason: string;
}

export interface GatewayInput {
  readonly gateways: readonly Gateway[];
  readonly labels: Readonly<Record<string, string>>;
  readonly cluster: string;
  /** Services of the proxy's namespace: they map the port that callers use to the one that the pod opens. */
  readonly services: readonly Service[];
  /** The proxy may not open ports below 1024 (setting UNPRIVILEGED_POD). */
  readonly unprivileged: boolean;
}

/** Older Gateways win where two want one port in different ways or one server name twice. */
export function gatewayListeners(input: GatewayInput): {
  listeners: readonly GatewayListener[];
  conflicts: readonly GatewayConflict[];
} {
  const merged = new Map<
    string,
    { bind: string; port: number; kind: GatewayListener['kind']; servers: BoundServer[] }
  >();
  const conflicts: GatewayConflict[] = [];
  for (const gateway of input.gateways.filter(({ selector }) => selects(selector, input.labels)).sort(byAge)) {
    const name = `${gateway.source.namespace}/${gateway.source.name}`;
    for (const server of gateway.servers) {
      const kind = serverKind(server);
      for (const port of targetPorts(server.port, input)) {
        if (input.unprivileged && port < 1024) {
          conflicts.push({ gateway: name, server, reason: `the proxy may not listen on port ${port}` });
          continue;
        }
        const bind = server.bind || '0.0.0.0';
        const id = `${bind}_${port}`;
        const listener = merged.get(id) ?? { bind, port, kind, servers: [] };
        const reason = conflictWith(listener, kind, server);
        if (reason) {
          conflicts.push({ gateway: name, server, reason });
          continue;
        }
        listener.servers.push({
          gateway: name,
          gatewayNamespace: gateway.source.namespace,
          server,
          port: server.port,
          targetPort: port,
          routeName: routeName(gateway, server, kind, port),
        });
        merged.set(id, listener);
      }
    }
  }
  const listeners = [...merged.values()].sort((a, b) => a.port - b.port || (a.bind < b.bind ? -1 : 1));
  return { listeners, conflicts };
}

/** True when the server decrypts and then speaks HTTP. */
export const terminatesHttps = ({ protocol, tls }: GatewayServer): boolean =>
  tls !== undefined && terminates(tls) && (protocol === 'https' || isHttp(protocol)) && !tls.httpsRedirect;

export const terminatesTls = ({ tls }: GatewayServer): boolean => tls !== undefined && terminates(tls);

const terminates = (tls: NonNullable<GatewayServer['tls']>): boolean =>
  tls.mode !== 'passthrough' && tls.mode !== 'auto-passthrough';

const isHttp = (protocol: GatewayServer['protocol']): boolean =>
  protocol === 'http' || protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web';

function serverKind({ protocol, tls }: GatewayServer): GatewayListener['kind'] {
  // `httpsRedirect` is written in the tls block of a plaintext server.
  if (isHttp(protocol)) return 'http';
  return tls !== undefined ? 'tls' : 'tcp';
}

function conflictWith(
  listener: { readonly kind: GatewayListener['kind']; readonly servers: readonly BoundServer[] },
  kind: GatewayListener['kind'],
  server: GatewayServer,
): string {
  const other = listener.servers[0];
  if (other === undefined) return '';
  if (listener.kind !== kind)
    return `port ${server.port} is already used for ${listener.kind} by Gateway ${other.gateway}`;
  if (kind === 'tcp') return `port ${server.port} is already used by Gateway ${other.gateway}`;
  if (kind === 'http') return '';
  const names = new Set(serverNames(server));
  for (const taken of listener.servers) {
    const both = serverNames(taken.server).find((name) => names.has(name));
    if (both !== undefined && terminates(taken.server.tls!) && terminatesTls(server)) {
      return `host ${both} on port ${server.port} is already served by Gateway ${taken.gateway}`;
    }
  }
  return '';
}

/** Host patterns without their namespaces, each once. */
export const serverNames = (server: GatewayServer): readonly string[] => [
  ...new Set(server.hosts.map(({ host }) => host)),
];

function routeName(gateway: Gateway, server: GatewayServer, kind: GatewayListener['kind'], port: number): string {
  const suffix = server.bind ? `.${server.bind}` : '';
  if (kind === 'http') return `http.${port}${suffix}`;
  if (!terminatesHttps(server)) return '';
  return `https.${server.port}.${server.portName}.${gateway.source.name}.${gateway.source.namespace}${suffix}`;
}

/**
 * A Gateway names the Service's port; the pod opens its target. Without a Service that selects the pod and has the port,
 * the pod listens on the number as written.
 */
function targetPorts(port: number, { services, labels, cluster }: GatewayInput): readonly number[] {
  const found = new Set<number>();
  for (const service of services) {
    const selector = service.selectors[cluster];
    if (selector === undefined || Object.keys(selector).length === 0 || !selects(selector, labels)) continue;
    for (const entry of service.ports) {
      if (entry.port !== port) continue;
      if (entry.targetPort === '') found.add(port);
      else if (/^\d+$/.test(entry.targetPort)) found.add(Number(entry.targetPort));
    }
  }
  return found.size > 0 ? [...found].sort((a, b) => a - b) : [port];
}
