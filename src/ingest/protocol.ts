// Which protocol a port speaks, from appProtocol or the port's name, as Istio reads them.
import type { Protocol } from '../model/service.ts';

const BY_NAME: Readonly<Record<string, Protocol>> = {
  http: 'http',
  http2: 'http2',
  grpc: 'grpc',
  https: 'https',
  tls: 'tls',
  tcp: 'tcp',
  mongo: 'mongo',
  mysql: 'mysql',
  redis: 'redis',
  udp: 'udp',
};

const KUBERNETES: Readonly<Record<string, Protocol>> = {
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  'kubernetes.io/wss': 'https',
};

/** Ports whose servers speak first or are never HTTP: sniffing would stall them. */
const SERVER_FIRST = new Set([25, 53, 3306, 27017]);

export interface PortHints {
  readonly port: number;
  readonly name: string;
  readonly transport: string;
  readonly appProtocol: string;
}

/** The protocol of a Kubernetes Service port; `auto` when neither appProtocol nor the name says. */
export function portProtocol({ port, name, transport, appProtocol }: PortHints): Protocol {
  if (transport === 'UDP') return 'udp';
  const hint = (appProtocol || name).toLowerCase();
  const standard = KUBERNETES[hint];
  if (standard) return standard;
  if (hint.startsWith('grpc-web')) return 'grpc-web';
  const named = BY_NAME[hint.split('-', 1)[0]!];
  return named ?? (SERVER_FIRST.has(port) ? 'tcp' : 'auto');
}

/** The protocol written in a ServiceEntry, Gateway or Sidecar port (`HTTP`, `GRPC-Web`, `TLS` …). */
export function namedProtocol(written: string): Protocol {
  const name = written.toLowerCase();
  return name === 'grpc-web' ? 'grpc-web' : (BY_NAME[name] ?? 'auto');
}

/** Requests can be routed: HTTP in the clear or with the mesh's TLS around it. */
export function isHttp(protocol: Protocol): boolean {
  return protocol === 'http' || protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web';
}

/** The server expects HTTP/2. */
export function isHttp2(protocol: Protocol): boolean {
  return protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web';
}

/** TLS of the application itself: only the server name can be seen. */
export function isTls(protocol: Protocol): boolean {
  return protocol === 'https' || protocol === 'tls';
}
