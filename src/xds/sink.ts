// Where responses go: straight to the HTTP/2 stream under a gRPC call, so that one set of bytes serves every client. grpc-js
// copies each message to put five bytes in front of it: with a thousand clients, a thousand copies of a message of megabytes.
// The stream below takes several pieces without copying any.
import { constants, type ServerHttp2Stream } from 'node:http2';
import { Metadata } from '@grpc/grpc-js';
import type { Call } from './connection.ts';
import { writableOf } from './http2-stream.ts';
import { GRPC_HEAD } from './wire.ts';

/** Writes messages of one call. */
export class Sink {
  readonly #call: Call;
  readonly #stream: ServerHttp2Stream | undefined;

  constructor(call: Call) {
    this.#call = call;
    this.#stream = writableOf(call);
    // Response headers go first, whichever way messages take.
    call.sendMetadata(new Metadata());
  }

  /** Sends one message as `Body.pieces` gives it; `taken` is called when it has left for the network. */
  write(pieces: readonly Uint8Array[], taken?: () => void): void {
    const stream = this.#stream;
    if (!stream) {
      this.#call.write(Buffer.concat(pieces).subarray(GRPC_HEAD), taken);
      return;
    }
    if (stream.destroyed || stream.closed) return;
    const last = pieces.length - 1;
    if (last === 0) {
      stream.write(pieces[0], taken);
      return;
    }
    stream.cork();
    for (let i = 0; i < last; i++) stream.write(pieces[i]);
    stream.write(pieces[last], taken);
    stream.uncork();
  }

  /**
   * Lets go of what the client does not read. A status would wait behind it for ever, so the stream is reset with the code
   * that gRPC clients show as RESOURCE_EXHAUSTED.
   */
  drop(): void {
    if (this.#stream && !this.#stream.destroyed) this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}
