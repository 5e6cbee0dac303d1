// What a sidecar serves to others: the ports of its services, the TLS they accept, and everything else it is sent.
import type { Protocol, Service } from '../model/service.ts';
import type { AcceptedTls, WorkloadMutualTls } from './inbound-mtls.ts';
import { selects } from './selector.ts';

/** How an inbound chain reads the bytes. */
export type InboundProtocol = 'http' | 'http2' | 'grpc-web' | 'tcp' | 'auto';

export interface InboundService {
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
  readonly port: number;
}

export interface InboundPort {
  /** The port that the workload listens on. */
  readonly port: number;
  readonly protocol: InboundProtocol;
  readonly tls: AcceptedTls;
  /** Services that lead here, oldest first. */
  readonly services: readonly InboundService[];
}

export interface InboundPorts {
  readonly ports: readonly InboundPort[];
  /** Ports without a service for which PeerAuthentication says something else than for the rest. */
  readonly exceptions: readonly { readonly port: number; readonly tls: AcceptedTls }[];
  /** What ports that no service knows accept. */
  readonly rest: AcceptedTls;
}

export interface InboundInput {
  readonly cluster: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Services of the workload's namespace. */
  readonly services: readonly Service[];
  /** Named container ports of the pod (node metadata POD_PORTS), for target ports given by name. */
  readonly podPorts: Readonly<Record<string, number>>;
  readonly mutualTls: WorkloadMutualTls;
}

/** Two services may share a port: the oldest one's protocol counts, all of them are listed. */
export function inboundPorts(input: InboundInput): InboundPorts {
  const { mutualTls } = input;
  const found = new Map<number, { protocol: InboundProtocol; services: InboundService[] }>();
  for (const service of [...input.services].sort(byCreation)) {
    const selector = service.selectors[input.cluster];
    if (selector === undefined || Object.keys(selector).length === 0 || !selects(selector, input.labels)) continue;
    for (const { port, protocol, targetPort } of service.ports) {
      if (protocol === 'udp') continue;
      const target =
        targetPort === '' ? port : /^\d+$/.test(targetPort) ? Number(targetPort) : input.podPorts[targetPort];
      if (target === undefined) continue;
      const entry = found.get(target) ?? { protocol: inboundProtocol(protocol), services: [] };
      entry.services.push({ host: service.host, name: service.name, namespace: service.namespace, port });
      found.set(target, entry);
    }
  }
  const ports = [...found]
    .sort(([a], [b]) => a - b)
    .map(([port, entry]) => ({ port, ...entry, tls: mutualTls.ports[port] ?? mutualTls.mode }));
  const exceptions = Object.entries(mutualTls.ports)
    .map(([port, tls]) => ({ port: Number(port), tls }))
    .filter(({ port }) => !found.has(port));
  return { ports, exceptions, rest: mutualTls.mode };
}

function inboundProtocol(protocol: Protocol): InboundProtocol {
  switch (protocol) {
    case 'http':
    case 'grpc-web':
    case 'auto':
      return protocol;
    case 'http2':
    case 'grpc':
      return 'http2';
    default:
      return 'tcp';
  }
}

const byCreation = (a: Service, b: Service): number =>
  a.created < b.created ? -1 : a.created > b.created ? 1 : a.host < b.host ? -1 : a.host > b.host ? 1 : 0;
