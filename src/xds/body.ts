// Responses, put together once for all clients that need the same one.
import { BlockPool } from './blocks.ts';
import type { Feed } from './source.ts';
import {
  deltaSize,
  type Frame,
  GRPC_HEAD,
  grpcHead,
  type ResponseParts,
  responseTail,
  sotwSize,
  writeDelta,
  writeSotw,
} from './wire.ts';

export type Protocol = 'delta' | 'sotw';

/** One response: what is in it, and its bytes. */
export interface Body {
  /** Grows with every body of the process. Its text is the nonce. */
  readonly seq: number;
  readonly nonce: string;
  readonly typeUrl: string;
  readonly version: string;
  /** Names of the resources in it. Listed anew at each call: a client that connects is sent thousands. */
  present(): readonly string[];
  /** How many resources are in it. */
  readonly count: number;
  readonly removed: readonly string[];
  /** Bytes of the message. */
  readonly size: number;
  /**
   * The message behind the five bytes that gRPC puts in front of it, in pieces that are shared with other clients and, piece
   * by piece, with other messages.
   */
  pieces(): readonly Uint8Array[];
}

export interface Contents {
  readonly frames: readonly Frame[];
  readonly removed: readonly string[];
}

/** Messages from this size on are put together from shared runs; smaller ones are one piece each. */
export const LARGE = 64 * 1024;

/** Feeds of different classes that changed alike: so many small bodies are remembered. */
const RECENT = 64;
/** Resources in one of them at most. */
const RECENT_FRAMES = 32;

/** Makes bodies. One for all feeds of a process. */
export class Bodies {
  readonly blocks: BlockPool;
  readonly #versionPrefix: string;
  /** What is in a small body → the body; oldest first. */
  readonly #recent = new Map<string, Body>();
  #seq = 0;

  /** `budget`: bytes of shared runs kept. `versionPrefix`: makes versions of different processes differ. */
  constructor(options: { readonly budget?: number; readonly versionPrefix?: string } = {}) {
    this.blocks = new BlockPool(options.budget ?? 24 * 1024 * 1024);
    this.#versionPrefix = options.versionPrefix ?? '';
  }

  /** The body of these contents: for feeds that changed alike in one revision the same one, so that it is written once. */
  make({ typeUrl, revision }: Feed, protocol: Protocol, contents: Contents): Body {
    const { frames, removed } = contents;
    const version = `${this.#versionPrefix}${revision}`;
    if (frames.length + removed.length > RECENT_FRAMES) {
      return new MadeBody(this, ++this.#seq, version, typeUrl, protocol, contents);
    }
    const key = `${protocol} ${version} ${typeUrl} ${frames.map(({ id }) => id).join(' ')}\n${removed.join('\n')}`;
    let body = this.#recent.get(key);
    if (body) return body;
    body = new MadeBody(this, ++this.#seq, version, typeUrl, protocol, contents);
    if (body.size >= LARGE) return body;
    this.#recent.set(key, body);
    if (this.#recent.size > RECENT) this.#recent.delete(this.#recent.keys().next().value!);
    return body;
  }

  /** The same response with a nonce of its own, for a client that has had the shared nonce before. */
  again(body: Body): Body {
    const { version, typeUrl, protocol, contents } = body as MadeBody;
    return new MadeBody(this, ++this.#seq, version, typeUrl, protocol, contents);
  }
}

class MadeBody implements Body {
  readonly seq: number;
  readonly nonce: string;
  readonly version: string;
  readonly typeUrl: string;
  readonly protocol: Protocol;
  readonly contents: Contents;
  readonly size: number;
  readonly #bodies: Bodies;
  #pieces: readonly Uint8Array[] | undefined;
  /** Pieces of a large message: looked up again only after a while without use. */
  #shared: WeakRef<readonly Uint8Array[]> | undefined;

  constructor(bodies: Bodies, seq: number, version: string, typeUrl: string, protocol: Protocol, contents: Contents) {
    this.#bodies = bodies;
    this.seq = seq;
    this.nonce = seq.toString(36);
    this.version = version;
    this.typeUrl = typeUrl;
    this.protocol = protocol;
    this.contents = contents;
    this.size = protocol === 'delta' ? deltaSize(this.#parts()) : sotwSize(this.#parts());
  }

  present(): readonly string[] {
    return this.contents.frames.map(({ name }) => name);
  }

  get count(): number {
    return this.contents.frames.length;
  }

  get removed(): readonly string[] {
    return this.contents.removed;
  }

  pieces(): readonly Uint8Array[] {
    const parts = this.#parts();
    if (this.size >= LARGE) {
      // Not held: the pool decides what stays in memory.
      const known = this.#shared?.deref();
      if (known) return known;
      const runs = this.#bodies.blocks.of(parts.frames, this.protocol);
      const pieces = [grpcHead(this.size), ...runs, responseTail(parts)];
      this.#shared = new WeakRef(pieces);
      return pieces;
    }
    this.#pieces ??= [
      this.protocol === 'delta' ? writeDelta(parts, this.size, GRPC_HEAD) : writeSotw(parts, this.size, GRPC_HEAD),
    ];
    return this.#pieces;
  }

  #parts(): ResponseParts {
    const { version, typeUrl, nonce, contents } = this;
    return { version, typeUrl, nonce, ...contents };
  }
}

/**
 * The bodies made from one feed at its present revision; a newer revision forgets them. Large ones, which list thousands of
 * resources for a client that connects, are there for others who come at the same time and not for later.
 */
export class BodyCache {
  readonly #bodies: Bodies;
  readonly #made = new Map<string, Body | WeakRef<Body>>();
  #revision = -1;

  constructor(bodies: Bodies) {
    this.#bodies = bodies;
  }

  /** The body for `key`, made by `contents` when it is new. */
  get(feed: Feed, protocol: Protocol, key: string, contents: () => Contents): Body {
    if (feed.revision !== this.#revision) {
      this.#made.clear();
      this.#revision = feed.revision;
    }
    const full = protocol === 'delta' ? key : `sotw ${key}`;
    const known = this.#made.get(full);
    const made = known instanceof WeakRef ? known.deref() : known;
    if (made) return made;
    const body = this.#bodies.make(feed, protocol, contents());
    this.#made.set(full, body.size < LARGE ? body : new WeakRef(body));
    return body;
  }

  again(body: Body): Body {
    return this.#bodies.again(body);
  }
}
