// Splits a watch answer into its events, without ever holding the event loop for long.
import { setImmediate } from 'node:timers/promises';
import type { KubernetesObject } from './object.ts';

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubernetesObject;
}

export interface WatchLinesOptions {
  /** An event longer than this ends the stream with an error. Objects are limited to about 1.5 MB by etcd. */
  readonly maxLineBytes?: number;
  /** Work for at most this long before other tasks get a turn. */
  readonly sliceMs?: number;
}

const NEWLINE = 10;

/** Yields one event a line. Throws SyntaxError for a line that is not JSON, and Error when a line is too long. */
export async function* watchEvents(
  chunks: AsyncIterable<Buffer>,
  options: WatchLinesOptions = {},
): AsyncGenerator<WatchEvent> {
  const { maxLineBytes = 16 * 1024 * 1024, sliceMs = 10 } = options;
  let parts: Buffer[] = [];
  let size = 0;
  let sliceEnd = performance.now() + sliceMs;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = parts.length ? Buffer.concat([...parts, chunk.subarray(start, end)]) : chunk.subarray(start, end);
      parts = [];
      size = 0;
      start = end + 1;
      if (line.length === 0) continue;
      yield JSON.parse(line.toString('utf8')) as WatchEvent;
      if (performance.now() >= sliceEnd) {
        await setImmediate();
        sliceEnd = performance.now() + sliceMs;
      }
    }
    if (start < chunk.length) {
      size += chunk.length - start;
      if (size > maxLineBytes) throw new Error(`a watch event is larger than ${maxLineBytes} bytes`);
      parts.push(chunk.subarray(start));
    }
  }
}
