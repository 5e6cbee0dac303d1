// Long runs of resources as shared bytes. Responses of different classes mostly carry the same resources in the same order,
// so runs are cut where a resource's own number says so, and equal runs are copied together once. Runs are short: one that has
// a resource of a single class in it is of use to that class alone.
import type { Protocol } from './body.ts';
import type { Frame } from './wire.ts';

/** On average a run has this many bytes. */
const RUN = 24 * 1024;
/** Resources from this size on are pieces of their own: copying them saves nothing. */
const ALONE = 8 * 1024;
/** Spreads numbers that follow each other over all of 32 bits (2^32 divided by the golden ratio). */
const SPREAD = 0x9e3779b1;

interface Run {
  readonly bytes: Uint8Array;
  /** The period in which it was last used. */
  used: number;
}

/** Keeps runs within a budget of bytes, least recently used out first, and only while clients need them. */
export class BlockPool {
  readonly #budget: number;
  /** Least recently used first. */
  readonly #runs = new Map<string, Run>();
  #period = 0;
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
      const frame = frames[i]!;
      const alone = frame.body.length >= ALONE;
      if (!alone) {
        key += ` ${frame.id}`;
        const next = frames[i + 1];
        if (next && next.body.length < ALONE && !ends(frame)) continue;
        blocks.push(this.#block(key, frames, start, i + 1, protocol));
      } else {
        blocks.push(headOf(frame, protocol), frame.body);
      }
      start = i + 1;
      key = protocol;
    }
    return blocks;
  }

  /** Ends a period: what was not used since the one before is let go. */
  rest(): void {
    for (const [key, run] of this.#runs) {
      if (run.used === this.#period) break;
      this.#drop(key, run);
    }
    this.#period++;
  }

  #block(key: string, frames: readonly Frame[], start: number, end: number, protocol: Protocol): Uint8Array {
    const known = this.#runs.get(key);
    if (known) {
      this.#runs.delete(key);
      this.#runs.set(key, known);
      known.used = this.#period;
      return known.bytes;
    }
    this.built++;
    const pieces: Uint8Array[] = [];
    for (let i = start; i < end; i++) {
      const frame = frames[i]!;
      pieces.push(headOf(frame, protocol), frame.body);
    }
    const run = { bytes: Buffer.concat(pieces), used: this.#period };
    this.#runs.set(key, run);
    this.#used += run.bytes.length;
    for (const [oldest, other] of this.#runs) {
      if (this.#used <= this.#budget || other === run) break;
      this.#drop(oldest, other);
    }
    return run.bytes;
  }

  #drop(key: string, { bytes }: Run): void {
    this.#runs.delete(key);
    this.#used -= bytes.length;
  }
}

function headOf({ head, anyAt }: Frame, protocol: Protocol): Uint8Array {
  return protocol === 'delta' ? head : head.subarray(anyAt);
}

/** Whether a run ends behind this resource: the likelier, the larger it is. */
function ends({ id, head, body }: Frame): boolean {
  return Math.imul(id, SPREAD) >>> 0 < ((head.length + body.length) / RUN) * 2 ** 32;
}
