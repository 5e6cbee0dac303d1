// What a client would not take: which resources it is, found by sending parts of what it rejected again.
import type { WireError } from './wire.ts';

export interface NackStatus {
  readonly nonce: string;
  readonly version: string;
  readonly at: number;
  readonly error: WireError;
  /** Resources that the client does not have because it rejected them, as far as that is known. */
  readonly names: readonly string[];
}

const NO_NAMES: readonly string[] = [];

export class Rejections {
  /** The last rejection, as long as something of it is not mended. */
  status: NackStatus | undefined;
  /** Names that the last answer accepted after an earlier one had rejected them. */
  healed: readonly string[] = NO_NAMES;
  /** Parts of rejected responses that are sent again, to find the one that is bad. */
  readonly parts: (readonly string[])[] = [];
  /** The client applies the good resources of a response that it rejects, so halves need not be tried. */
  readonly #partial: boolean;
  readonly #rejected = new Set<string>();
  /** Names in rejected responses that have not been accepted since. */
  readonly #doubtful = new Set<string>();

  constructor(partial: boolean) {
    this.#partial = partial;
  }

  /** Nothing was rejected that an acceptance could mend: nobody needs to know its names. */
  get none(): boolean {
    return this.#doubtful.size === 0 && !this.status;
  }

  /** A response with these names was rejected. */
  reject(names: readonly string[], nack: Omit<NackStatus, 'names'>): void {
    this.healed = NO_NAMES;
    for (const name of names) this.#doubtful.add(name);
    this.#blame(names, nack.error);
    this.status = { ...nack, names: [...this.#rejected] };
  }

  /** A response with these names was accepted. */
  accept(names: readonly string[]): void {
    this.healed = this.#doubtful.size > 0 ? names.filter((name) => this.#doubtful.delete(name)) : NO_NAMES;
    if (!this.status) return;
    for (const name of names) this.#rejected.delete(name);
    const over = this.#rejected.size === 0 && this.parts.length === 0;
    this.status = over ? undefined : { ...this.status, names: [...this.#rejected] };
  }

  /** Finds the culprits by halving, unless the client sorts them out itself and names them. */
  #blame(names: readonly string[], error: WireError): void {
    if (names.length > 1 && !this.#partial) {
      const half = names.length >> 1;
      this.parts.unshift(names.slice(0, half), names.slice(half));
      return;
    }
    const named = names.filter((name) => error.message.includes(name));
    for (const name of named.length > 0 ? named : names) this.#rejected.add(name);
  }
}
