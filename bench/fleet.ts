// The process of simulated proxies, seen from the bench.
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Answers, Command } from './client.ts';

export interface Fleet extends Disposable {
  ask<C extends Command>(command: C): Promise<Answers[C['do']]>;
}

/** Starts the process. Every question rejects when it ends. */
export function startFleet(): Fleet {
  const child: ChildProcess = fork(join(import.meta.dirname, 'client.ts'), [], {
    execArgv: ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=64'],
    serialization: 'advanced',
  });
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let ids = 0;
  child.on('message', (message: { id: number; result?: unknown; error?: string }) => {
    const asked = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error !== undefined) asked?.reject(new Error(message.error));
    else asked?.resolve(message.result as never);
  });
  child.on('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`the proxies' process ended with ${code}`));
    waiting.clear();
  });
  return {
    ask(command) {
      const id = ++ids;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        child.send({ id, command });
      });
    },
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  };
}
