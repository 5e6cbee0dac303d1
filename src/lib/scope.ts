// A scope owns what was opened in it and closes all of it, last opened first.

/** Collects disposables; disposing the scope disposes them in reverse order, each at most once. */
export class Scope implements Disposable {
  #owned: Disposable[] = [];
  #closed = false;

  get closed(): boolean {
    return this.#closed;
  }

  /** Hands `resource` to the scope. A closed scope disposes it at once. */
  own<T extends Disposable>(resource: T): T {
    if (this.#closed) resource[Symbol.dispose]();
    else this.#owned.push(resource);
    return resource;
  }

  /** Runs `close` when the scope closes. */
  defer(close: () => void): void {
    this.own({ [Symbol.dispose]: close });
  }

  /** An AbortSignal that fires when the scope closes. */
  signal(): AbortSignal {
    const controller = new AbortController();
    this.defer(() => controller.abort());
    return controller.signal;
  }

  /** Closes everything even when a part throws; errors are thrown together afterwards. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    const errors: unknown[] = [];
    for (let resource = this.#owned.pop(); resource; resource = this.#owned.pop()) {
      try {
        resource[Symbol.dispose]();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, 'several resources failed to close');
  }
}
