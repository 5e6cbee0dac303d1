// Where requests come from: straight from the HTTP/2 stream under a gRPC call. grpc-js stops and starts the stream around each
// message and passes it on through a promise, a queue and a stream of objects; for an acknowledgement, which is what nearly
// all requests are, that is several times the work of understanding it.
import type { ServerHttp2Stream } from 'node:http2';
import type { Call } from './connection.ts';
import { readableOf } from './http2-stream.ts';
import { GRPC_HEAD, TooLargeError, WireFormatError } from './wire.ts';

export interface IntakeOptions {
  readonly call: Call;
  /** Largest message, bytes. */
  readonly limit: number;
  readonly message: (message: Buffer) => void;
  /** The client will send nothing more. */
  readonly ended: () => void;
  /** What comes cannot be read; nothing more is passed on. */
  readonly failed: (error: TooLargeError | WireFormatError) => void;
}

/** Reads the messages of one call. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #stream: ServerHttp2Stream | undefined;
  /** What has come and was not passed on: less than a message, unless reading is paused. */
  #held: Buffer[] = [];
  #size = 0;
  #paused = false;
  #failed = false;

  constructor(options: IntakeOptions) {
    const { call, message, ended } = options;
    this.#options = options;
    this.#stream = readableOf(call);
    if (!this.#stream) {
      call.on('data', message);
      call.on('end', ended);
      return;
    }
    this.#stream.removeAllListeners('data');
    this.#stream.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#stream.on('end', ended);
    this.#stream.resume();
  }

  /** Passes nothing on until `resume`. */
  pause(): void {
    this.#paused = true;
    (this.#stream ?? this.#options.call).pause();
  }

  resume(): void {
    this.#paused = false;
    this.#pass();
    if (!this.#paused) (this.#stream ?? this.#options.call).resume();
  }

  #take(chunk: Buffer): void {
    if (this.#failed) return;
    if (this.#size === 0 && !this.#paused && isOne(chunk, this.#options.limit)) {
      this.#options.message(chunk.subarray(GRPC_HEAD));
      return;
    }
    this.#held.push(chunk);
    this.#size += chunk.length;
    this.#pass();
  }

  /** Passes on all messages that are complete. */
  #pass(): void {
    while (!this.#paused && this.#size >= GRPC_HEAD) {
      const head = this.#first(GRPC_HEAD);
      const end = GRPC_HEAD + head.readUInt32BE(1);
      const error = this.#problem(head[0]!, end - GRPC_HEAD);
      if (error) {
        this.#failed = true;
        this.#held = [];
        this.#size = 0;
        this.#options.failed(error);
        return;
      }
      if (this.#size < end) return;
      const all = this.#first(end);
      this.#size -= end;
      if (all.length > end) this.#held[0] = all.subarray(end);
      else this.#held.shift();
      this.#options.message(all.subarray(GRPC_HEAD, end));
    }
  }

  /** What is held, in one piece as far as `length` bytes are concerned. */
  #first(length: number): Buffer {
    if (this.#held[0]!.length < length) this.#held = [Buffer.concat(this.#held)];
    return this.#held[0]!;
  }

  #problem(flag: number, size: number): TooLargeError | WireFormatError | undefined {
    const { limit } = this.#options;
    if (size > limit) return new TooLargeError(`a request of ${size} bytes; ${limit} is the most`);
    if (flag !== 0) return new WireFormatError('a compressed message without the header grpc-encoding');
    return undefined;
  }
}

/** Whether a chunk is exactly one message that can be read, as an acknowledgement nearly always is. */
function isOne(chunk: Buffer, limit: number): boolean {
  const size = chunk.length - GRPC_HEAD;
  return size >= 0 && size <= limit && chunk[0] === 0 && chunk.readUInt32BE(1) === size;
}
