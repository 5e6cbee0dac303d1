// Discovery messages on the wire, read and written by hand: requests are scanned without building objects for what is
// only passed on, and responses are put together from resources that were framed once.
import type { Encoded } from '../envoy/resource.ts';

/** A name list as it came in: decoded only when nobody has seen the same bytes before. */
export interface RawNames {
  readonly count: number;
  /** The bytes of the repeated field, tags included, when they came in one run. */
  readonly bytes: Uint8Array | undefined;
  decode(): string[];
}

export interface WireError {
  readonly code: number;
  readonly message: string;
}

export interface DeltaRequest {
  /** `envoy.config.core.v3.Node`, serialized; on the first request of a stream. */
  readonly node: Uint8Array | undefined;
  readonly typeUrl: string;
  readonly subscribe: RawNames;
  readonly unsubscribe: RawNames;
  /** Name → version that the client has from an earlier stream. */
  readonly initialVersions: ReadonlyMap<string, string>;
  /** '' for a request that acknowledges nothing. */
  readonly nonce: string;
  readonly error: WireError | undefined;
}

export interface SotwRequest {
  readonly node: Uint8Array | undefined;
  readonly typeUrl: string;
  readonly version: string;
  readonly names: RawNames;
  readonly nonce: string;
  readonly error: WireError | undefined;
}

/**
 * A resource as both protocols carry it: `head` and `body` together are field `resources` of a DeltaDiscoveryResponse; from
 * `anyAt` on they are field `resources` of a DiscoveryResponse.
 */
export interface Frame {
  /** Unique among frames of the process. */
  readonly id: number;
  readonly name: string;
  readonly version: string;
  /** Tags, lengths, version, name and type. */
  readonly head: Uint8Array;
  readonly anyAt: number;
  /** The message itself, shared with whoever encoded it. */
  readonly body: Uint8Array;
}

/** A malformed message; the connection that sent it is closed, nothing else is touched. */
export class WireFormatError extends Error {
  override readonly name = 'WireFormatError';
}

/** A message that is larger than clients may send. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError';
}

const NO_VERSIONS: ReadonlyMap<string, string> = new Map();
const NO_NAMES: RawNames = { count: 0, bytes: undefined, decode: () => [] };

/** Reads a DeltaDiscoveryRequest. Resource locators (fields 8 and 9) are not supported and ignored. */
export function readDeltaRequest(message: Uint8Array): DeltaRequest {
  const reader = new Reader(message);
  const subscribe = new NameRun(reader.bytes);
  const unsubscribe = new NameRun(reader.bytes);
  let node: Uint8Array | undefined;
  let typeUrl = '';
  let nonce = '';
  let error: WireError | undefined;
  let initialVersions: Map<string, string> | undefined;
  while (reader.more()) {
    const start = reader.at;
    const tag = reader.varint();
    if (tag === 0x0a) node = reader.sub();
    else if (tag === 0x12) typeUrl = reader.text();
    else if (tag === 0x1a) subscribe.add(start, reader);
    else if (tag === 0x22) unsubscribe.add(start, reader);
    else if (tag === 0x2a) {
      initialVersions ??= new Map();
      readVersion(reader.sub(), initialVersions);
    } else if (tag === 0x32) nonce = reader.text();
    else if (tag === 0x3a) error = readStatus(reader.sub());
    else reader.skip(tag);
  }
  return {
    node,
    typeUrl,
    subscribe: subscribe.done(),
    unsubscribe: unsubscribe.done(),
    initialVersions: initialVersions ?? NO_VERSIONS,
    nonce,
    error,
  };
}

/** Reads a DiscoveryRequest. */
export function readSotwRequest(message: Uint8Array): SotwRequest {
  const reader = new Reader(message);
  const names = new NameRun(reader.bytes);
  let node: Uint8Array | undefined;
  let version = '';
  let typeUrl = '';
  let nonce = '';
  let error: WireError | undefined;
  while (reader.more()) {
    const start = reader.at;
    const tag = reader.varint();
    if (tag === 0x0a) version = reader.text();
    else if (tag === 0x12) node = reader.sub();
    else if (tag === 0x1a) names.add(start, reader);
    else if (tag === 0x22) typeUrl = reader.text();
    else if (tag === 0x2a) nonce = reader.text();
    else if (tag === 0x32) error = readStatus(reader.sub());
    else reader.skip(tag);
  }
  return { node, typeUrl, version, names: names.done(), nonce, error };
}

let frames = 0;

/** Frames a resource for both protocols. */
export function frame(typeUrl: string, resource: Encoded): Frame {
  const type = Buffer.from(typeUrl);
  const name = Buffer.from(resource.name);
  const version = Buffer.from(resource.version);
  const any = fieldSize(type.length) + fieldSize(resource.body.length);
  const inner = fieldSize(version.length) + fieldSize(name.length) + fieldSize(any);
  const { body } = resource;
  const writer = new Writer(Buffer.allocUnsafe(fieldSize(inner) - body.length));
  writer.head(0x12, inner);
  writer.field(0x0a, version);
  writer.field(0x1a, name);
  const anyAt = writer.at;
  writer.head(0x12, any);
  writer.field(0x0a, type);
  writer.head(0x12, body.length);
  return { id: ++frames, name: resource.name, version: resource.version, head: writer.bytes, anyAt, body };
}

export interface ResponseParts {
  readonly version: string;
  readonly typeUrl: string;
  readonly nonce: string;
  readonly frames: readonly Frame[];
  /** Delta only. */
  readonly removed: readonly string[];
}

/** Bytes that `writeDelta` will give, without writing them. */
export function deltaSize(parts: ResponseParts): number {
  let size = headSize(parts);
  for (const { head, body } of parts.frames) size += head.length + body.length;
  for (const name of parts.removed) size += fieldSize(Buffer.byteLength(name));
  return size;
}

/** Bytes that `writeSotw` will give. */
export function sotwSize(parts: ResponseParts): number {
  let size = headSize(parts);
  for (const { head, anyAt, body } of parts.frames) size += head.length - anyAt + body.length;
  return size;
}

/** Bytes that gRPC puts in front of a message. */
export const GRPC_HEAD = 5;

/** What gRPC puts in front of a message of `size` bytes that is not compressed. */
export function grpcHead(size: number): Buffer {
  const head = Buffer.alloc(GRPC_HEAD);
  head.writeUInt32BE(size, 1);
  return head;
}

/** A DeltaDiscoveryResponse; with `head` 5, behind what gRPC puts in front of it. */
export function writeDelta(parts: ResponseParts, size = deltaSize(parts), head: 0 | 5 = 0): Buffer {
  const writer = writerFor(size, head);
  writer.text(0x0a, parts.version);
  for (const frame of parts.frames) {
    writer.raw(frame.head);
    writer.raw(frame.body);
  }
  writer.text(0x22, parts.typeUrl);
  writer.text(0x2a, parts.nonce);
  for (const name of parts.removed) writer.text(0x32, name);
  return writer.bytes;
}

/** A DiscoveryResponse; with `head` 5, behind what gRPC puts in front of it. */
export function writeSotw(parts: ResponseParts, size = sotwSize(parts), head: 0 | 5 = 0): Buffer {
  const writer = writerFor(size, head);
  writer.text(0x0a, parts.version);
  for (const frame of parts.frames) {
    writer.raw(frame.head, frame.anyAt);
    writer.raw(frame.body);
  }
  writer.text(0x22, parts.typeUrl);
  writer.text(0x2a, parts.nonce);
  return writer.bytes;
}

/** What a response has besides its resources: may stand behind them. */
export function responseTail(parts: ResponseParts): Uint8Array {
  const rest = { ...parts, frames: [] };
  return writeDelta(rest, deltaSize(rest));
}

function writerFor(size: number, head: 0 | 5): Writer {
  const writer = new Writer(Buffer.allocUnsafeSlow(head + size));
  if (head === 0) return writer;
  writer.bytes[0] = 0;
  writer.bytes.writeUInt32BE(size, 1);
  writer.at = head;
  return writer;
}

function headSize({ version, typeUrl, nonce }: ResponseParts): number {
  return fieldSize(version.length) + fieldSize(typeUrl.length) + fieldSize(nonce.length);
}

function readVersion(entry: Uint8Array, into: Map<string, string>): void {
  const reader = new Reader(entry);
  let name = '';
  let version = '';
  while (reader.more()) {
    const tag = reader.varint();
    if (tag === 0x0a) name = reader.text();
    else if (tag === 0x12) version = reader.text();
    else reader.skip(tag);
  }
  into.set(name, version);
}

function readStatus(status: Uint8Array): WireError {
  const reader = new Reader(status);
  let code = 0;
  let message = '';
  while (reader.more()) {
    const tag = reader.varint();
    if (tag === 0x08) code = reader.varint();
    else if (tag === 0x12) message = reader.text();
    else reader.skip(tag);
  }
  return { code, message };
}

/** Collects the occurrences of one repeated string field. */
class NameRun {
  readonly #message: Buffer;
  #count = 0;
  #start = -1;
  #end = -1;
  /** Further runs, when other fields came between. */
  #more: [number, number][] | undefined;

  constructor(message: Buffer) {
    this.#message = message;
  }

  add(start: number, reader: Reader): void {
    reader.jump();
    this.#count++;
    if (this.#start < 0) {
      this.#start = start;
      this.#end = reader.at;
    } else if (this.#more === undefined && start === this.#end) {
      this.#end = reader.at;
    } else {
      this.#more ??= [];
      this.#more.push([start, reader.at]);
    }
  }

  done(): RawNames {
    if (this.#count === 0) return NO_NAMES;
    const bytes = this.#message.subarray(this.#start, this.#end);
    const more = (this.#more ?? []).map(([start, end]) => this.#message.subarray(start, end));
    return {
      count: this.#count,
      bytes: more.length === 0 ? bytes : undefined,
      decode: () => [bytes, ...more].flatMap(decodeRun),
    };
  }
}

function decodeRun(run: Uint8Array): string[] {
  const reader = new Reader(run);
  const names: string[] = [];
  while (reader.more()) {
    reader.varint();
    names.push(reader.text());
  }
  return names;
}

class Reader {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  more(): boolean {
    return this.at < this.bytes.length;
  }
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw new WireFormatError('the message ends inside a number');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new WireFormatError('a number has more than ten bytes');
  }
  sub(): Buffer {
    const start = this.#enter();
    return this.bytes.subarray(start, this.at);
  }
  text(): string {
    const start = this.#enter();
    return this.bytes.toString('utf8', start, this.at);
  }
  jump(): void {
    this.#enter();
  }
  skip(tag: number): void {
    const wireType = tag % 8;
    if (wireType === 0) this.varint();
    else if (wireType === 2) this.jump();
    else if (wireType === 1 || wireType === 5) this.at += wireType === 1 ? 8 : 4;
    else throw new WireFormatError(`wire type ${wireType} is not known`);
    if (this.at > this.bytes.length) throw new WireFormatError('the message ends inside a field');
  }
  /** Moves behind a length-delimited field and gives its start. */
  #enter(): number {
    const length = this.varint();
    const start = this.at;
    this.at = start + length;
    if (this.at > this.bytes.length) throw new WireFormatError('the message ends inside a field');
    return start;
  }
}

class Writer {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
  head(tag: number, length: number): void {
    this.bytes[this.at++] = tag;
    let rest = length;
    while (rest > 0x7f) {
      this.bytes[this.at++] = (rest & 0x7f) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.at++] = rest;
  }
  field(tag: number, content: Uint8Array): void {
    this.head(tag, content.length);
    this.raw(content);
  }
  raw(content: Uint8Array, from = 0): void {
    this.bytes.set(from === 0 ? content : content.subarray(from), this.at);
    this.at += content.length - from;
  }
  text(tag: number, content: string): void {
    this.head(tag, Buffer.byteLength(content));
    this.at += this.bytes.write(content, this.at);
  }
}

/** Bytes of a length-delimited field with a one-byte tag. */
function fieldSize(length: number): number {
  let size = 2 + length;
  for (let rest = length; rest > 0x7f; rest = Math.floor(rest / 128)) size++;
  return size;
}
