// How many bytes of large responses may be on their way at once: a reconnect storm waits its turn here instead of filling
// memory. Clients that do not read stop counting against the others after a while, and are let go when there are too many of
// them. On a machine with too much to do every client is slow: those that are merely slow keep their connections.

export interface AdmissionOptions {
  /** Bytes on their way before others have to wait. */
  readonly budget: number;
  /** Milliseconds after which a slow write no longer keeps others waiting. */
  readonly patience: number;
  /** Bytes of slow writes beyond which others wait again, and clients that do not read are let go. */
  readonly slowLimit: number;
  /** Milliseconds after which a client whose write is not done counts as not reading. */
  readonly stalledAfter: number;
}

interface Write {
  readonly client: Admitted;
  readonly size: number;
  readonly since: number;
  slow: boolean;
}

/** A client whose large responses are admitted. */
export interface Admitted {
  /** Its turn has come: try again. */
  resume(): void;
  /** It has not read for too long. */
  stalled(): void;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #waiting = new Set<Admitted>();
  readonly #writes = new Set<Write>();
  #inFlight = 0;
  #slow = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Bytes on their way, slow ones included. */
  get bytes(): number {
    return this.#inFlight + this.#slow;
  }
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Asks to send `size` bytes. Undefined: wait for `resume`. Otherwise call the result when the bytes have been taken. */
  admit(client: Admitted, size: number, now: number): (() => void) | undefined {
    const first = this.#waiting.values().next().value;
    const jumps = first !== undefined && first !== client;
    const full = this.#inFlight > 0 && (jumps || this.#inFlight + size > this.#options.budget);
    if (full || this.#slow > this.#options.slowLimit) {
      this.#waiting.add(client);
      return undefined;
    }
    this.#waiting.delete(client);
    const write: Write = { client, size, since: now, slow: false };
    this.#writes.add(write);
    this.#inFlight += size;
    return () => this.#done(write);
  }

  /** The client is gone. */
  forget(client: Admitted): void {
    for (const write of this.#writes) if (write.client === client) this.#done(write);
    if (this.#waiting.delete(client)) this.#wake();
  }

  /** Call about once a second. */
  tick(now: number): void {
    for (const write of this.#writes) {
      if (write.slow || now - write.since < this.#options.patience) continue;
      write.slow = true;
      this.#inFlight -= write.size;
      this.#slow += write.size;
    }
    for (const write of this.#writes) {
      if (this.#slow <= this.#options.slowLimit || now - write.since < this.#options.stalledAfter) break;
      write.client.stalled();
    }
    this.#wake();
  }

  #done(write: Write): void {
    if (!this.#writes.delete(write)) return;
    if (write.slow) this.#slow -= write.size;
    else this.#inFlight -= write.size;
    this.#wake();
  }

  #wake(): void {
    const room = this.#inFlight < this.#options.budget && this.#slow <= this.#options.slowLimit;
    if (room) this.#waiting.values().next().value?.resume();
  }
}
