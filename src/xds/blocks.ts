// Long runs of resources as shared bytes. Responses of different classes mostly carry the same resources in the same order,
// so runs are cut where a resource's own number says so, and equal runs are copied together once.
import type { Protocol } from './body.ts';
import type { Frame } from './wire.ts';

/** On average this many resources are in a run. */
const RUN = 64;

/** Keeps runs within a budget of bytes, least recently used out first. */
export class BlockPool {
  readonly #budget: number;
  readonly #blocks = new Map<string, Uint8Array>();
  #used = 0;
  /** How many runs were copied together; for tests. */
  built = 0;

  constructor(budget: number) {
    this.#budget = budget;
  }

  /** Bytes kept. */
  get used(): number {
    return this.#used;
  }

  /** The frames' bytes, in order. */
  of(frames: readonly Frame[], protocol: Protocol): Uint8Array[] {
    const blocks: Uint8Array[] = [];
    let start = 0;
    let key: string = protocol;
    for (let i = 0; i < frames.length; i++) {
      const { id } = frames[i]!;
      key += ` ${id}`;
      if (i + 1 < frames.length && id % RUN !== 0) continue;
      blocks.push(this.#block(key, frames, start, i + 1, protocol));
      start = i + 1;
      key = protocol;
    }
    return blocks;
  }

  #block(key: string, frames: readonly Frame[], start: number, end: number, protocol: Protocol): Uint8Array {
    const known = this.#blocks.get(key);
    if (known) {
      this.#blocks.delete(key);
      this.#blocks.set(key, known);
      return known;
    }
    this.built++;
    const pieces: Uint8Array[] = [];
    for (let i = start; i < end; i++) {
      const { head, anyAt, body } = frames[i]!;
      pieces.push(protocol === 'delta' ? head : head.subarray(anyAt), body);
    }
    const block = Buffer.concat(pieces);
    this.#blocks.set(key, block);
    this.#used += block.length;
    for (const [oldest, bytes] of this.#blocks) {
      if (this.#used <= this.#budget || bytes === block) break;
      this.#blocks.delete(oldest);
      this.#used -= bytes.length;
    }
    return block;
  }
}
