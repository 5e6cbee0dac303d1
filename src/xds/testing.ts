// For tests: a feed that is written by hand, and a client that behaves like Envoy and checks the server's manners.
import { TYPE_URL } from '../envoy/resource.ts';
import { Bodies, type Body, BodyCache, type Protocol } from './body.ts';
import { FeedStore } from './feed-store.ts';
import type { NameSet } from './names.ts';
import type { Feed, ProxySession } from './source.ts';
import { GRPC_HEAD, type WireError } from './wire.ts';

/** A feed over a store: everything in it is listed, or nothing when it is only asked by name. */
export class HandFeed implements Feed {
  readonly typeUrl: string;
  readonly wildcard: boolean;
  readonly store: FeedStore;
  readonly bodies: BodyCache;
  wants = 0;

  constructor(typeUrl: string, wildcard: boolean, bodies: Bodies) {
    this.typeUrl = typeUrl;
    this.wildcard = wildcard;
    this.store = new FeedStore(typeUrl);
    this.bodies = new BodyCache(bodies);
  }
  get revision(): number {
    return this.store.revision;
  }
  names(): Iterable<string> {
    return this.wildcard ? this.store.names() : [];
  }
  get(name: string) {
    return this.store.get(name);
  }
  changesSince(revision: number) {
    return this.store.changesSince(revision);
  }
  want(_: NameSet): Disposable {
    this.wants++;
    return { [Symbol.dispose]: () => void this.wants-- };
  }
}

/** All feeds of one class, with one revision counter. Bodies of resources are texts. */
export class HandSource implements ProxySession {
  readonly bodies = new Bodies();
  feeds: Map<string, HandFeed>;
  generation = 0;
  #revision = 0;

  constructor() {
    this.feeds = this.#make();
  }
  feed(typeUrl: string): HandFeed | undefined {
    return this.feeds.get(typeUrl);
  }
  /** Writes resources of one revision: type → name → text, undefined removes. */
  write(changes: Readonly<Record<string, Readonly<Record<string, string | undefined>>>>): void {
    this.#revision++;
    for (const [typeUrl, resources] of Object.entries(changes)) {
      for (const [name, text] of Object.entries(resources)) put(this.feeds.get(typeUrl)!, name, text, this.#revision);
    }
  }
  /** As if the class of the proxy had changed: new feed objects with the same content. */
  replaceFeeds(): void {
    const before = this.feeds;
    this.generation++;
    this.feeds = this.#make();
    this.#revision++;
    for (const [typeUrl, feed] of before) {
      for (const name of feed.store.names()) {
        put(this.feeds.get(typeUrl)!, name, Buffer.from(feed.get(name)!.body).toString(), this.#revision);
      }
    }
  }
  [Symbol.dispose](): void {}

  #make(): Map<string, HandFeed> {
    const feed = (typeUrl: string, wildcard: boolean): [string, HandFeed] => [
      typeUrl,
      new HandFeed(typeUrl, wildcard, this.bodies),
    ];
    return new Map([
      feed(TYPE_URL.cluster, true),
      feed(TYPE_URL.endpoints, false),
      feed(TYPE_URL.listener, true),
      feed(TYPE_URL.route, false),
      feed(TYPE_URL.virtualHost, true),
      feed(TYPE_URL.secret, false),
    ]);
  }
}

function put(feed: HandFeed, name: string, text: string | undefined, revision: number): void {
  const resource = text === undefined ? undefined : { name, version: `v:${text}`, body: Buffer.from(text) };
  feed.store.set(name, resource, revision);
}

export interface ReadResource {
  readonly name: string;
  readonly version: string;
  readonly text: string;
}

export interface ReadResponse {
  typeUrl: string;
  nonce: string;
  version: string;
  readonly resources: ReadResource[];
  readonly removed: string[];
}

/** The message of a body, in one piece and without what gRPC puts in front of it. */
export function messageOf(body: Body): Buffer {
  return Buffer.concat(body.pieces()).subarray(GRPC_HEAD);
}

/** Reads a response message. State-of-the-world resources have no name of their own: the text up to `=` is taken. */
export function readResponse(protocol: Protocol, message: Uint8Array): ReadResponse {
  const response: ReadResponse = { typeUrl: '', nonce: '', version: '', resources: [], removed: [] };
  for (const [field, content] of fields(message)) {
    if (field === 1) response.version = text(content);
    else if (field === 4) response.typeUrl = text(content);
    else if (field === 5) response.nonce = text(content);
    else if (field === 6) response.removed.push(text(content));
    else if (field === 2) response.resources.push(protocol === 'delta' ? readDelta(content) : readAny(content));
  }
  return response;
}

function readDelta(content: Uint8Array): ReadResource {
  const read = { name: '', version: '', text: '' };
  for (const [field, value] of fields(content)) {
    if (field === 1) read.version = text(value);
    else if (field === 3) read.name = text(value);
    else if (field === 2) read.text = readAny(value).text;
  }
  return read;
}

function readAny(content: Uint8Array): ReadResource {
  for (const [field, value] of fields(content)) {
    if (field === 2) return { name: text(value).split('=')[0]!, version: '', text: text(value) };
  }
  return { name: '', version: '', text: '' };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

function* fields(message: Uint8Array): Iterable<[number, Uint8Array]> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = message[at++]!;
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const length = varint();
    yield [tag >> 3, message.subarray(at, at + length)];
    at += length;
  }
}

/** A serialized request, for either protocol. */
export function writeRequest(request: {
  readonly protocol: Protocol;
  readonly typeUrl: string;
  readonly nonce?: string;
  readonly names?: readonly string[];
  readonly unsubscribe?: readonly string[];
  readonly initialVersions?: ReadonlyMap<string, string>;
  readonly error?: WireError;
  readonly node?: Uint8Array;
}): Buffer {
  const delta = request.protocol === 'delta';
  const parts: Buffer[] = [];
  const put = (field: number, content: Uint8Array | string): void => {
    const bytes = Buffer.from(content as string);
    const head: number[] = [(field << 3) | 2];
    let rest = bytes.length;
    for (; rest > 0x7f; rest >>= 7) head.push((rest & 0x7f) | 0x80);
    head.push(rest);
    parts.push(Buffer.from(head), bytes);
  };
  if (request.node) put(delta ? 1 : 2, request.node);
  put(delta ? 2 : 4, request.typeUrl);
  for (const name of request.names ?? []) put(3, name);
  for (const name of delta ? (request.unsubscribe ?? []) : []) put(4, name);
  for (const [name, version] of delta ? (request.initialVersions ?? []) : []) {
    put(5, Buffer.concat([entry(0x0a, name), entry(0x12, version)]));
  }
  if (request.nonce) put(delta ? 6 : 5, request.nonce);
  if (request.error) {
    put(delta ? 7 : 6, Buffer.concat([Buffer.from([0x08, request.error.code]), entry(0x12, request.error.message)]));
  }
  return Buffer.concat(parts);
}

function entry(tag: number, content: string): Buffer {
  const bytes = Buffer.from(content);
  if (bytes.length > 127) throw new RangeError('test texts are short');
  return Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);
}
