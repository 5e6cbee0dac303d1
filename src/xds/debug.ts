// Debug questions that come as discovery requests (istioctl asks that way): answered by a handler, once each.
import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { ControlPlaneSchema } from '../gen/envoy/config/core/v3/base_pb.js';
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
} from '../gen/envoy/service/discovery/v3/discovery_pb.js';
import type { Proxy as Client } from '../model/proxy.ts';
import type { Protocol } from './body.ts';
import { frame, writeDelta, writeSotw } from './wire.ts';

/** Nonce of all answers: what comes back with it only acknowledges. */
export const DEBUG_NONCE = 'debug';

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
  /** What the control plane calls itself in answers (`control_plane.identifier`). */
  readonly identifier?: string;
  /** Whether requests of this type are debug questions. */
  handles(typeUrl: string): boolean;
  /** Rejects with Refused for callers who may not ask. */
  answer(request: DebugRequest): Promise<readonly DebugResource[]>;
}

/** The response message. */
export function debugResponse(
  protocol: Protocol,
  typeUrl: string,
  resources: readonly DebugResource[],
  identifier = '',
): Buffer {
  const frames = resources.map(({ name, typeUrl: type, body }) => frame(type, { name, version: '1', body }));
  const parts = { version: '1', typeUrl, nonce: DEBUG_NONCE, frames, removed: [] };
  const message = protocol === 'delta' ? writeDelta(parts) : writeSotw(parts);
  if (!identifier) return message;
  // Messages that are written one after another are merged: this is field control_plane of the response.
  const controlPlane = toBinary(ControlPlaneSchema, create(ControlPlaneSchema, { identifier }));
  const schema = protocol === 'delta' ? DeltaDiscoveryResponseSchema : DiscoveryResponseSchema;
  const field = schema.fields.find(({ name }) => name === 'control_plane')!.number;
  const writer = new BinaryWriter().tag(field, WireType.LengthDelimited).bytes(controlPlane);
  return Buffer.concat([message, writer.finish()]);
}
