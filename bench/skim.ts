// Reads of xDS messages only what a client must know to go on: names, versions, and what leads to further subscriptions.

export const TYPES = {
  CDS: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  EDS: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  LDS: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  RDS: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  VHDS: 'type.googleapis.com/envoy.config.route.v3.VirtualHost',
  ECDS: 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
  SDS: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
} as const;
export type TypeName = keyof typeof TYPES;
export const TYPE_NAMES = Object.keys(TYPES) as TypeName[];
const BY_URL = new Map<string, TypeName>(TYPE_NAMES.map((name) => [TYPES[name], name]));

export interface SkimmedResource {
  readonly name: string;
  /** Where the resource's own bytes are in the message. */
  readonly start: number;
  readonly end: number;
}

export interface SkimmedResponse {
  readonly type: TypeName | undefined;
  readonly version: string;
  readonly nonce: string;
  readonly resources: readonly SkimmedResource[];
  readonly removed: readonly string[];
}

/** Length-delimited fields and numbers of one message, in order. `wire` 2: [start, end); 0: `start` is the value. */
function* fields(bytes: Buffer, from: number, to: number): Generator<{ field: number; start: number; end: number }> {
  let at = from;
  while (at < to) {
    const tag = varint(bytes, at);
    at = next(bytes, at);
    const wire = tag & 7;
    const field = tag >>> 3;
    if (wire === 2) {
      const length = varint(bytes, at);
      const start = next(bytes, at);
      at = start + length;
      yield { field, start, end: at };
    } else if (wire === 0) {
      yield { field, start: varint(bytes, at), end: -1 };
      at = next(bytes, at);
    } else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else throw new Error(`wire type ${wire}`);
  }
}

function varint(bytes: Buffer, at: number): number {
  let value = 0;
  let scale = 1;
  for (let i = at; ; i++) {
    const byte = bytes[i]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 128;
  }
}

function next(bytes: Buffer, at: number): number {
  let i = at;
  while (bytes[i]! >= 0x80) i++;
  return i + 1;
}

const pool = new Map<string, string>();
/** Names are the same for most clients of a process: one copy each. */
function name(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('latin1', start, end);
  const known = pool.get(text);
  if (known !== undefined) return known;
  pool.set(text, text);
  return text;
}

/** A DeltaDiscoveryResponse. */
export function skimDelta(bytes: Buffer): SkimmedResponse {
  let type: TypeName | undefined;
  let version = '';
  let nonce = '';
  const resources: SkimmedResource[] = [];
  const removed: string[] = [];
  for (const { field, start, end } of fields(bytes, 0, bytes.length)) {
    if (field === 1) version = bytes.toString('latin1', start, end);
    else if (field === 2) resources.push(deltaResource(bytes, start, end));
    else if (field === 4) type = BY_URL.get(bytes.toString('latin1', start, end));
    else if (field === 5) nonce = bytes.toString('latin1', start, end);
    else if (field === 6) removed.push(name(bytes, start, end));
  }
  return { type, version, nonce, resources, removed };
}

function deltaResource(bytes: Buffer, from: number, to: number): SkimmedResource {
  let own = '';
  let body = { start: 0, end: 0 };
  for (const { field, start, end } of fields(bytes, from, to)) {
    if (field === 3) own = name(bytes, start, end);
    else if (field === 2) body = anyValue(bytes, start, end);
  }
  return { name: own, ...body };
}

/** A DiscoveryResponse: resources have no names of their own there, but all that matter begin with one as field 1. */
export function skimSotw(bytes: Buffer): SkimmedResponse {
  let type: TypeName | undefined;
  let version = '';
  let nonce = '';
  const resources: SkimmedResource[] = [];
  for (const { field, start, end } of fields(bytes, 0, bytes.length)) {
    if (field === 1) version = bytes.toString('latin1', start, end);
    else if (field === 2) {
      const body = anyValue(bytes, start, end);
      resources.push({ name: firstField(bytes, body.start, body.end), ...body });
    } else if (field === 4) type = BY_URL.get(bytes.toString('latin1', start, end));
    else if (field === 5) nonce = bytes.toString('latin1', start, end);
  }
  return { type, version, nonce, resources, removed: [] };
}

function anyValue(bytes: Buffer, from: number, to: number): { start: number; end: number } {
  for (const { field, start, end } of fields(bytes, from, to)) if (field === 2) return { start, end };
  return { start: to, end: to };
}

function firstField(bytes: Buffer, from: number, to: number): string {
  for (const { field, start, end } of fields(bytes, from, to)) if (field === 1) return name(bytes, start, end);
  return '';
}

/** Whether a Cluster takes its endpoints from EDS, and under which name. */
export function edsName(bytes: Buffer, resource: SkimmedResource): string | undefined {
  let eds = false;
  let service = '';
  for (const { field, start, end } of fields(bytes, resource.start, resource.end)) {
    if (field === 2 && end < 0) eds = start === 3;
    else if (field === 3 && end >= 0) {
      for (const inner of fields(bytes, start, end)) {
        if (inner.field === 2) service = name(bytes, inner.start, inner.end);
      }
    }
  }
  return eds ? service || resource.name : undefined;
}

const MANAGER = Buffer.from('v3.HttpConnectionManager');

/** Route tables that a Listener asks for: filter chains → filters → connection manager → rds. */
export function routeNames(bytes: Buffer, resource: SkimmedResource): string[] {
  const found: string[] = [];
  if (bytes.subarray(resource.start, resource.end).indexOf(MANAGER) < 0) return found;
  for (const chain of fields(bytes, resource.start, resource.end)) {
    if (chain.field !== 3 && chain.field !== 25) continue;
    for (const filter of fields(bytes, chain.start, chain.end)) {
      if (filter.field !== 3 || filter.end < 0) continue;
      for (const config of fields(bytes, filter.start, filter.end)) {
        if (config.field !== 4) continue;
        const manager = anyValue(bytes, config.start, config.end);
        if (bytes.subarray(config.start, manager.start).indexOf(MANAGER) < 0) continue;
        for (const part of fields(bytes, manager.start, manager.end)) {
          if (part.field !== 3 || part.end < 0) continue;
          for (const rds of fields(bytes, part.start, part.end)) {
            if (rds.field === 2 && rds.end >= 0) found.push(name(bytes, rds.start, rds.end));
          }
        }
      }
    }
  }
  return found;
}

/** Filters of a Listener that are served apart from it: filter chains → filters → config_discovery. */
export function extensionNames(bytes: Buffer, resource: SkimmedResource): string[] {
  const found: string[] = [];
  for (const chain of fields(bytes, resource.start, resource.end)) {
    if (chain.field !== 3 && chain.field !== 25) continue;
    for (const filter of fields(bytes, chain.start, chain.end)) {
      if (filter.field !== 3 || filter.end < 0) continue;
      let own = '';
      let apart = false;
      for (const { field, start, end } of fields(bytes, filter.start, filter.end)) {
        if (field === 1) own = name(bytes, start, end);
        apart ||= field === 5;
      }
      if (apart) found.push(own);
    }
  }
  return found;
}

/** Whether a RouteConfiguration wants its virtual hosts one by one. */
export function wantsVirtualHosts(bytes: Buffer, resource: SkimmedResource): boolean {
  for (const { field } of fields(bytes, resource.start, resource.end)) if (field === 9) return true;
  return false;
}

const SECRET = Buffer.from('kubernetes://');

/** Secrets that a resource names. */
export function secretNames(bytes: Buffer, resource: SkimmedResource): string[] {
  const found: string[] = [];
  const body = bytes.subarray(resource.start, resource.end);
  for (let at = body.indexOf(SECRET); at > 0; at = body.indexOf(SECRET, at + 1)) {
    const length = body[at - 1]!;
    found.push(name(body, at, at + length));
  }
  return found;
}

/** A length-delimited field of a request. */
export type RequestField = readonly [field: number, value: string | Buffer];

/** A gRPC frame with a request. Lists of names may be long; everything is written into one buffer. */
export function writeRequest(parts: readonly RequestField[]): Buffer {
  let size = 0;
  const lengths: number[] = [];
  for (const [, value] of parts) {
    const length = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
    lengths.push(length);
    size += 1 + varintSize(length) + length;
  }
  const frame = Buffer.allocUnsafe(5 + size);
  frame[0] = 0;
  frame.writeUInt32BE(size, 1);
  let at = 5;
  for (const [i, [field, value]] of parts.entries()) {
    frame[at++] = (field << 3) | 2;
    for (let rest = lengths[i]!; ; rest = Math.floor(rest / 128)) {
      frame[at++] = rest > 0x7f ? (rest & 0x7f) | 0x80 : rest;
      if (rest <= 0x7f) break;
    }
    if (typeof value === 'string') frame.write(value, at);
    else value.copy(frame, at);
    at += lengths[i]!;
  }
  return frame;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) size++;
  return size;
}
