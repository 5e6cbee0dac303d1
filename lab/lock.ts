// A lock between processes of one machine that the kernel releases when its holder dies.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Held while a lab's addresses are chosen: one for the whole machine. */
export const machineLock = '/run/lock/isthmus-lab.lock';

/** The lock of one lab, held for everything that is done to it. */
export function labLock(labsDir: string, name: string): string {
  const place = createHash('sha256').update(resolve(labsDir)).digest('hex').slice(0, 8);
  return `/run/lock/isthmus-lab-${place}-${name}.lock`;
}

/** Options of {@link withLock}. */
export interface LockOptions {
  readonly signal?: AbortSignal;
  /** Called once when another process holds the lock. */
  readonly onWait?: () => void;
}

/** Runs `work` while this process holds the lock file `path`; waits while another one does. Not reentrant. */
export async function withLock<T>(path: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  let holder = await hold(path, ['--nonblock'], options.signal);
  if (!holder) {
    options.onWait?.();
    holder = await hold(path, [], options.signal);
  }
  if (!holder) throw new Error(`could not lock ${path}: is flock (util-linux) installed?`);
  try {
    return await work();
  } finally {
    holder.release();
  }
}

/**
 * flock(2) has no binding in Node: a child holds the lock as long as its standard input is open, which ends
 * with this process however that ends. Undefined when the lock was not got.
 */
function hold(path: string, flags: string[], signal?: AbortSignal): Promise<{ release(): void } | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<{ release(): void } | undefined>();
  const child = spawn('flock', [...flags, path, 'sh', '-c', 'echo; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  // The signal ends the wait, never a lock that is held: the work decides when it is over.
  const onAbort = () => {
    reject(signal?.reason);
    child.stdin.end();
    child.kill();
  };
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort);
  child.stdin.on('error', () => {});
  child.stdout.once('data', () => {
    signal?.removeEventListener('abort', onAbort);
    resolve({ release: () => child.stdin.end() });
  });
  child.on('error', () => resolve(undefined));
  child.on('close', () => resolve(undefined));
  return promise.finally(() => signal?.removeEventListener('abort', onAbort));
}
