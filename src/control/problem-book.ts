// All known problems by where they come from: logged once when they appear, counted, and shown by the debug endpoints.
import type { Problem } from '../model/problem.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

export interface ProblemBook {
  /** Replaces what `source` reported before. */
  set(source: string, problems: readonly Problem[]): void;
  all(): readonly { readonly source: string; readonly problem: Problem }[];
}

export function createProblemBook({ log, metrics }: { log: Log; metrics: Metrics }): ProblemBook {
  const bySource = new Map<string, readonly Problem[]>();
  const codes = new Set<string>();

  const count = (): void => {
    const counts = new Map<string, number>([...codes].map((code) => [code, 0]));
    for (const problems of bySource.values()) {
      for (const { code } of problems) {
        codes.add(code);
        counts.set(code, (counts.get(code) ?? 0) + 1);
      }
    }
    for (const [code, n] of counts) metrics.problems.set({ code }, n);
  };

  return {
    set(source, problems) {
      if (problems.length === 0 && !bySource.has(source)) return;
      const before = new Set((bySource.get(source) ?? []).map(identity));
      for (const problem of problems) if (!before.has(identity(problem))) write(log, source, problem);
      const after = new Set(problems.map(identity));
      const solved = [...before].some((known) => !after.has(known));
      if (solved && problems.length === 0) log.info(`${source}: problems solved`);
      if (problems.length) bySource.set(source, problems);
      else bySource.delete(source);
      count();
    },
    all: () => [...bySource].flatMap(([source, problems]) => problems.map((problem) => ({ source, problem }))),
  };
}

function write(log: Log, source: string, problem: Problem): void {
  const { object, code, path, message } = problem;
  const place = object ? `${object.kind} ${object.namespace ? `${object.namespace}/` : ''}${object.name}` : source;
  const fields = { code, ...(object ? { cluster: object.cluster } : {}) };
  const text = `${place}: ${path ? `${path}: ` : ''}${message}`;
  if (problem.severity === 'error') log.error(text, fields);
  else if (problem.severity === 'warning') log.warn(text, fields);
  else log.info(text, fields);
}

function identity({ code, path, message, object }: Problem): string {
  return JSON.stringify([code, path, message, object]);
}
