// The HTTP/2 stream under a gRPC call. grpc-js keeps it in a private field; where a version should not have it there, or a
// client compresses what it sends, messages go the ordinary way.
import type { ServerHttp2Stream } from 'node:http2';
import type { Call } from './connection.ts';

interface Inner {
  readonly stream?: Partial<ServerHttp2Stream>;
  readonly incomingEncoding?: string;
}

/** The stream that responses can be written to. */
export function writableOf(call: Call): ServerHttp2Stream | undefined {
  const stream = innerOf(call)?.stream;
  const usable = typeof stream?.write === 'function' && typeof stream.cork === 'function';
  return usable && stream.writable ? (stream as ServerHttp2Stream) : undefined;
}

/** The stream that requests can be read from: nothing has been read yet, and nothing is compressed. */
export function readableOf(call: Call): ServerHttp2Stream | undefined {
  const inner = innerOf(call);
  const stream = inner?.stream;
  const usable = inner?.incomingEncoding === 'identity' && typeof stream?.removeAllListeners === 'function';
  return usable && stream.isPaused?.() ? (stream as ServerHttp2Stream) : undefined;
}

function innerOf(call: Call): Inner | undefined {
  return (call as { readonly call?: Inner }).call;
}
