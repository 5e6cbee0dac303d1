// Filter chains of virtualInbound: how a connection's destination port, transport and application protocol decide what reads it.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { FilterChainSchema } from '../../gen/envoy/config/listener/v3/listener_components_pb.js';
import type { InboundProtocol } from '../../view/inbound.ts';
import type { AcceptedTls } from '../../view/inbound-mtls.ts';
import { MESH_HTTP_ALPN, MESH_TCP_ALPN } from '../tls.ts';

type Match = NonNullable<MessageInitShape<typeof FilterChainSchema>['filterChainMatch']>;

/** One way in: what must match, whether the mesh's TLS is terminated, and how the bytes are read. */
export interface ChainShape {
  readonly match: Match;
  readonly terminatesTls: boolean;
  readonly http: boolean;
}

const MESH_ALPN = [...MESH_HTTP_ALPN, ...MESH_TCP_ALPN];
/** What `http_inspector` calls plaintext HTTP. */
const PLAIN_HTTP = ['http/1.0', 'http/1.1', 'h2c'];

/**
 * All ways into one port (or into every port without an own chain). PERMISSIVE tells callers of the mesh by their
 * application protocol, so TLS of the application itself passes untouched; STRICT has no way in without TLS, and what
 * finds no chain is closed.
 */
export function chainShapes(tls: AcceptedTls, protocol: InboundProtocol): ChainShape[] {
  const kind = protocol === 'tcp' || protocol === 'auto' ? protocol : 'http';
  switch (tls) {
    case 'strict':
      return strict(kind);
    case 'permissive':
      return [...meshCallers(kind), ...plaintext(kind), ...(kind === 'http' ? [] : [foreignTls])];
    case 'disable':
      return disabled(kind);
  }
}

type Kind = 'http' | 'tcp' | 'auto';

const foreignTls: ChainShape = { match: { transportProtocol: 'tls' }, terminatesTls: false, http: false };

function strict(kind: Kind): ChainShape[] {
  if (kind !== 'auto') return [{ match: { transportProtocol: 'tls' }, terminatesTls: true, http: kind === 'http' }];
  return [
    { match: mesh(MESH_HTTP_ALPN), terminatesTls: true, http: true },
    { match: { transportProtocol: 'tls' }, terminatesTls: true, http: false },
  ];
}

function meshCallers(kind: Kind): ChainShape[] {
  if (kind !== 'auto') return [{ match: mesh(MESH_ALPN), terminatesTls: true, http: kind === 'http' }];
  return [
    { match: mesh(MESH_HTTP_ALPN), terminatesTls: true, http: true },
    { match: mesh(MESH_TCP_ALPN), terminatesTls: true, http: false },
  ];
}

function plaintext(kind: Kind): ChainShape[] {
  const raw = { transportProtocol: 'raw_buffer' };
  if (kind !== 'auto') return [{ match: raw, terminatesTls: false, http: kind === 'http' }];
  return [
    { match: { ...raw, applicationProtocols: PLAIN_HTTP }, terminatesTls: false, http: true },
    { match: raw, terminatesTls: false, http: false },
  ];
}

function disabled(kind: Kind): ChainShape[] {
  if (kind !== 'auto') return [{ match: {}, terminatesTls: false, http: kind === 'http' }];
  return [
    { match: { applicationProtocols: PLAIN_HTTP }, terminatesTls: false, http: true },
    { match: {}, terminatesTls: false, http: false },
  ];
}

const mesh = (protocols: readonly string[]): Match => ({
  transportProtocol: 'tls',
  applicationProtocols: [...protocols],
});
