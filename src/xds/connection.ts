// One client on the wire: authentication of its first message, the protocol behind it, and its writes.

import type { PeerCertificate } from 'node:tls';
import { fromBinary } from '@bufbuild/protobuf';
import type { ServerDuplexStream, sendUnaryData } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { type Node, NodeSchema } from '../gen/envoy/config/core/v3/base_pb.js';
import type { Proxy as Client } from '../model/proxy.ts';
import type { Admission, Admitted } from './admission.ts';
import { LARGE, type Protocol } from './body.ts';
import { DEBUG_NONCE, type DebugHandler, debugResponse } from './debug.ts';
import type { DeltaReader } from './delta-reader.ts';
import { Intake } from './intake.ts';
import { Sink } from './sink.ts';
import type { ProxySession } from './source.ts';
import { type Answer, type Outgoing, Stream, type StreamOptions } from './stream.ts';
import { LostTrackError, type SubscriptionStatus } from './subscription.ts';
import { readDeltaRequest, readSotwRequest, TooLargeError, WireFormatError } from './wire.ts';

export type Call = ServerDuplexStream<Buffer, Buffer>;
export type { sendUnaryData };

/** What a connection shows of itself. */
export interface Peer {
  readonly address: string;
  /** First value of a metadata header. */
  metadata(name: string): string | undefined;
  /** The client certificate that TLS has verified. */
  readonly certificate: PeerCertificate | undefined;
}

/** A client is refused; `code` is a gRPC status code, the message is for the client and says what to do. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: status;
  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

/** What a connection needs of its server. */
export interface Home {
  readonly stream: Pick<StreamOptions, 'pool' | 'bodies'>;
  readonly admission: Admission;
  readonly debug: DebugHandler | undefined;
  readonly reader: DeltaReader;
  /** Largest request, bytes. */
  readonly maxRequestBytes: number;
  now(): number;
  authenticate(peer: Peer, node: Node, signal: AbortSignal): Promise<Client>;
  open(client: Client, changed: () => void): ProxySession;
  /** Asks to be pumped soon. */
  wake(connection: Connection): void;
  opened(connection: Connection): void;
  answered(connection: Connection, answer: Answer): void;
  pushed(connection: Connection, outgoing: Outgoing): void;
  stalled(connection: Connection): void;
  closed(connection: Connection, error: unknown): void;
}

export interface ConnectionStatus {
  readonly id: string;
  readonly client: Client;
  readonly address: string;
  readonly protocol: Protocol;
  /** Milliseconds since the epoch. */
  readonly connectedAt: number;
  readonly types: readonly SubscriptionStatus[];
}

export interface ConnectionOptions {
  readonly id: string;
  readonly call: Call;
  readonly protocol: Protocol;
  /** For services of one type: requests may leave the type out. */
  readonly typeUrl: string | undefined;
  readonly home: Home;
}

export class Connection implements Admitted {
  readonly id: string;
  readonly protocol: Protocol;
  readonly connectedAt: number;
  readonly peer: Peer;
  client: Client | undefined;
  readonly #call: Call;
  readonly #intake: Intake;
  readonly #sink: Sink;
  readonly #typeUrl: string | undefined;
  readonly #home: Home;
  readonly #abort = new AbortController();
  #stream: Stream | undefined;
  #session: ProxySession | undefined;
  #closed = false;

  constructor({ id, call, protocol, typeUrl, home }: ConnectionOptions) {
    this.id = id;
    this.protocol = protocol;
    this.connectedAt = home.now();
    this.peer = peerOf(call);
    this.#call = call;
    this.#sink = new Sink(call);
    this.#typeUrl = typeUrl;
    this.#home = home;
    this.#intake = new Intake({
      call,
      limit: home.maxRequestBytes,
      message: (message) => this.#receive(message),
      ended: () => this.close(undefined),
      failed: (error) => this.close(error instanceof TooLargeError ? tooLarge(error) : error),
    });
    call.on('cancelled', () => this.close(undefined));
    call.on('error', (error: Error) => this.close(error));
  }

  get blocked(): boolean {
    return this.#stream?.blocked === true;
  }
  get closed(): boolean {
    return this.#closed;
  }

  status(): ConnectionStatus | undefined {
    if (!this.client || !this.#stream) return undefined;
    const { id, client, protocol, connectedAt } = this;
    return { id, client, protocol, connectedAt, address: this.peer.address, types: this.#stream.status() };
  }

  oldestUnanswered(): { readonly typeUrl: string; readonly at: number } | undefined {
    return this.#stream?.oldestUnanswered();
  }

  /** Sends what is due. */
  pump(): void {
    const stream = this.#stream;
    if (this.#closed || !stream) return;
    try {
      const now = this.#home.now();
      for (let out = stream.next(now); out; out = stream.next(now)) {
        if (!this.#send(stream, out, now)) return;
      }
    } catch (error) {
      this.close(error);
    }
  }

  resume(): void {
    this.#home.wake(this);
  }

  stalled(): void {
    this.#home.stalled(this);
    this.#sink.drop();
    this.close(new Refused(status.RESOURCE_EXHAUSTED, 'the client does not read its configuration'));
  }

  /** Ends the stream: without error when the client is gone or done. */
  close(error: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#abort.abort();
    this.#home.admission.forget(this);
    this.#stream?.close();
    this.#session?.[Symbol.dispose]();
    if (error === undefined) this.#call.end();
    else this.#call.emit('error', toStatus(error));
    this.#home.closed(this, error);
  }

  #send(stream: Stream, out: Outgoing, now: number): boolean {
    const { body } = out.plan;
    if (body.size < LARGE) {
      this.#sink.write(body.pieces());
    } else {
      const done = this.#home.admission.admit(this, body.size, now);
      if (!done) return false;
      this.#sink.write(body.pieces(), done);
    }
    stream.sent(out, now);
    this.#home.pushed(this, out);
    return true;
  }

  #receive(message: Buffer): void {
    if (this.#closed) return;
    try {
      if (!this.#stream) this.#begin(message);
      else this.#take(this.#stream, message);
    } catch (error) {
      this.close(error);
    }
  }

  #take(stream: Stream, message: Buffer): void {
    const now = this.#home.now();
    if (this.protocol === 'delta') {
      const request = this.#home.reader.read(message);
      const typed = this.#typed(request);
      if (this.#asksDebug(typed.typeUrl)) this.#answerDebug(typed.typeUrl, typed.nonce, request.subscribe.decode());
      else this.#note(stream.receiveDelta(typed, now));
    } else {
      const request = readSotwRequest(message);
      const typed = this.#typed(request);
      if (this.#asksDebug(typed.typeUrl)) this.#answerDebug(typed.typeUrl, typed.nonce, request.names.decode());
      else this.#note(stream.receiveSotw(typed, now));
    }
    if (stream.due) this.#home.wake(this);
  }

  #note(answer: Answer | undefined): void {
    if (answer) this.#home.answered(this, answer);
  }

  #typed<R extends { readonly typeUrl: string }>(request: R): R {
    if (request.typeUrl === '' && this.#typeUrl) return { ...request, typeUrl: this.#typeUrl };
    if (request.typeUrl === '') throw new Refused(status.INVALID_ARGUMENT, 'type_url is missing');
    if (this.#typeUrl && request.typeUrl !== this.#typeUrl) {
      throw new Refused(status.INVALID_ARGUMENT, `this service serves ${this.#typeUrl}, not ${request.typeUrl}`);
    }
    return request;
  }

  /** The first message carries the node; nothing more is read until it is known who this is. */
  #begin(message: Buffer): void {
    const first = this.protocol === 'delta' ? readDeltaRequest(message) : readSotwRequest(message);
    if (!first.node) throw new Refused(status.INVALID_ARGUMENT, 'the first request must carry the node');
    const node = fromBinary(NodeSchema, first.node);
    this.#intake.pause();
    this.#home.authenticate(this.peer, node, this.#abort.signal).then(
      (client) => this.#enter(client, message),
      (error) => this.close(error),
    );
  }

  #enter(client: Client, first: Buffer): void {
    if (this.#closed) return;
    try {
      // Delta clients of the aggregated service take virtual hosts one by one.
      const hosts = this.protocol === 'delta' && this.#typeUrl === undefined;
      this.client = hosts ? { ...client, delta: true } : client;
      const session = this.#home.open(this.client, () => this.#home.wake(this));
      this.#session = session;
      this.#stream = new Stream({ protocol: this.protocol, session, ...this.#home.stream });
      this.#home.opened(this);
      this.#take(this.#stream, first);
      this.#intake.resume();
    } catch (error) {
      this.close(error);
    }
  }

  #asksDebug(typeUrl: string): boolean {
    return this.#home.debug?.handles(typeUrl) === true;
  }

  /** Debug types are answered once a request. Stock istioctl puts a nonce of its own into the question. */
  #answerDebug(typeUrl: string, nonce: string, names: readonly string[]): void {
    if (nonce === DEBUG_NONCE || !this.#home.debug || !this.client) return;
    this.#home.debug.answer({ typeUrl, names, client: this.client, signal: this.#abort.signal }).then(
      (resources) => {
        if (!this.#closed)
          this.#call.write(debugResponse(this.protocol, typeUrl, resources, this.#home.debug?.identifier));
      },
      (error) => this.close(error),
    );
  }
}

function peerOf(call: Call): Peer {
  const auth = call.getAuthContext() as { sslPeerCertificate?: PeerCertificate };
  return {
    address: call.getPeer(),
    metadata: (name) => call.metadata.get(name)[0]?.toString(),
    certificate: auth.sslPeerCertificate,
  };
}

function tooLarge({ message }: TooLargeError): Refused {
  return new Refused(status.RESOURCE_EXHAUSTED, message);
}

function toStatus(error: unknown): { code: status; details: string } {
  if (error instanceof Refused) return { code: error.code, details: error.message };
  if (error instanceof WireFormatError) return { code: status.INVALID_ARGUMENT, details: error.message };
  if (error instanceof LostTrackError) return { code: status.UNAVAILABLE, details: error.message };
  return { code: status.INTERNAL, details: error instanceof Error ? error.message : String(error) };
}
