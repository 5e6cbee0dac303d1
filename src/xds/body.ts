// Responses, put together once for all clients that need the same one.
import type { Feed } from './source.ts';
import { deltaSize, type Frame, sotwSize, writeDelta, writeSotw } from './wire.ts';

export type Protocol = 'delta' | 'sotw';

/** One response: what is in it, and its bytes once somebody sends it. */
export interface Body {
  /** Grows with every body of the process. Its text is the nonce. */
  readonly seq: number;
  readonly nonce: string;
  readonly typeUrl: string;
  readonly version: string;
  /** Names in it, present ones and removed ones. */
  readonly names: readonly string[];
  readonly removed: readonly string[];
  /** Bytes of the message. */
  readonly size: number;
  /** The serialized response. Large ones are kept only while others may still ask for them. */
  message(): Buffer;
}

export interface Contents {
  readonly frames: readonly Frame[];
  readonly removed: readonly string[];
}

/** Larger messages count against the cache's budget; smaller ones are kept as long as their feed keeps the body. */
const LARGE = 64 * 1024;

/** Makes bodies and keeps the bytes of large ones within a budget, least recently sent out first. */
export class Bodies {
  readonly #budget: number;
  readonly #versionPrefix: string;
  readonly #large = new Map<MadeBody, number>();
  #used = 0;
  #seq = 0;
  /** How many messages were assembled; for tests and metrics. */
  assembled = 0;

  /** `budget`: bytes of large messages kept. `versionPrefix`: makes versions of different processes differ. */
  constructor(options: { readonly budget?: number; readonly versionPrefix?: string } = {}) {
    this.#budget = options.budget ?? 48 * 1024 * 1024;
    this.#versionPrefix = options.versionPrefix ?? '';
  }

  make(feed: Feed, protocol: Protocol, contents: Contents): Body {
    return new MadeBody(this, ++this.#seq, `${this.#versionPrefix}${feed.revision}`, feed.typeUrl, protocol, contents);
  }

  /** The same response with a nonce of its own, for a client that has had the shared nonce before. */
  again(body: Body): Body {
    const { version, typeUrl, protocol, contents } = body as MadeBody;
    return new MadeBody(this, ++this.#seq, version, typeUrl, protocol, contents);
  }

  /** Bytes of large messages that are kept now. */
  get used(): number {
    return this.#used;
  }

  /** Called by a body that is sent. */
  touch(body: MadeBody, size: number): void {
    if (size < LARGE) return;
    if (this.#large.delete(body)) this.#used -= size;
    this.#large.set(body, size);
    this.#used += size;
    for (const [oldest, oldestSize] of this.#large) {
      if (this.#used <= this.#budget || oldest === body) break;
      this.#large.delete(oldest);
      this.#used -= oldestSize;
      oldest.release();
    }
  }
}

class MadeBody implements Body {
  readonly seq: number;
  readonly nonce: string;
  readonly version: string;
  readonly typeUrl: string;
  readonly protocol: Protocol;
  readonly contents: Contents;
  readonly names: readonly string[];
  readonly size: number;
  readonly #bodies: Bodies;
  #message: Buffer | undefined;

  constructor(bodies: Bodies, seq: number, version: string, typeUrl: string, protocol: Protocol, contents: Contents) {
    this.#bodies = bodies;
    this.seq = seq;
    this.nonce = seq.toString(36);
    this.version = version;
    this.typeUrl = typeUrl;
    this.protocol = protocol;
    this.contents = contents;
    this.names = [...contents.frames.map(({ name }) => name), ...contents.removed];
    const parts = this.#parts();
    this.size = protocol === 'delta' ? deltaSize(parts) : sotwSize(parts);
  }

  get removed(): readonly string[] {
    return this.contents.removed;
  }

  message(): Buffer {
    if (!this.#message) {
      this.#bodies.assembled++;
      const parts = this.#parts();
      this.#message = this.protocol === 'delta' ? writeDelta(parts, this.size) : writeSotw(parts, this.size);
    }
    this.#bodies.touch(this, this.size);
    return this.#message;
  }

  release(): void {
    this.#message = undefined;
  }

  #parts() {
    const { version, typeUrl, nonce, contents } = this;
    return { version, typeUrl, nonce, ...contents };
  }
}

/** The bodies made from one feed at its present revision; a newer revision forgets them. */
export class BodyCache {
  readonly #bodies: Bodies;
  readonly #made = new Map<string, Body>();
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
    let body = this.#made.get(full);
    if (!body) {
      body = this.#bodies.make(feed, protocol, contents());
      this.#made.set(full, body);
    }
    return body;
  }

  again(body: Body): Body {
    return this.#bodies.again(body);
  }
}
