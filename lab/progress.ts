// Progress for people: one line a step with the time since the start.

/** Where steps are announced. */
export interface Progress {
  /** Prints one line. */
  note(text: string): void;
  /** Runs a step and prints its name and duration when it ends; a failure is marked and passed on. */
  step<T>(text: string, work: () => Promise<T>): Promise<T>;
}

/** Options of {@link createProgress}. */
export interface ProgressOptions {
  readonly write: (line: string) => void;
  /** Milliseconds on any monotonic clock. */
  readonly now: () => number;
}

/** Makes a progress printer whose times count from now. */
export function createProgress({ write, now }: ProgressOptions): Progress {
  const start = now();
  const line = (mark: string, text: string) => write(`${seconds(now() - start).padStart(8)}  ${mark} ${text}\n`);
  return {
    note: (text) => line('·', text),
    async step(text, work) {
      const began = now();
      try {
        const result = await work();
        line('✓', `${text} (${seconds(now() - began)})`);
        return result;
      } catch (error) {
        line('✗', `${text} (${seconds(now() - began)})`);
        throw error;
      }
    },
  };
}

/** Progress that prints nothing, for tests and libraries. */
export const silent: Progress = { note: () => {}, step: (_, work) => work() };

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)}s`;
}
