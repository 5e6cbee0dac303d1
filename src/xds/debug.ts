// Debug questions that come as discovery requests (istioctl asks that way): answered by a handler, once each.
import type { Proxy as Client } from '../model/proxy.ts';
import type { Protocol } from './body.ts';
import { frame, writeDelta, writeSotw } from './wire.ts';

export interface DebugRequest {
  readonly typeUrl: string;
  readonly names: readonly string[];
  /** Who asks. */
  readonly client: Client;
  readonly signal: AbortSignal;
}

export interface DebugResource {
  readonly name: string;
  /** Type URL of the packed message. */
  readonly typeUrl: string;
  readonly body: Uint8Array;
}

export interface DebugHandler {
  /** Whether requests of this type are debug questions. */
  handles(typeUrl: string): boolean;
  /** Rejects with Refused for callers who may not ask. */
  answer(request: DebugRequest): Promise<readonly DebugResource[]>;
}

/** The response message. */
export function debugResponse(protocol: Protocol, typeUrl: string, resources: readonly DebugResource[]): Buffer {
  const frames = resources.map(({ name, typeUrl: type, body }) => frame(type, { name, version: '1', body }));
  const parts = { version: '1', typeUrl, nonce: 'debug', frames, removed: [] };
  return protocol === 'delta' ? writeDelta(parts) : writeSotw(parts);
}
