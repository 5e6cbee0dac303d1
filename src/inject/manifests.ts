// kube-inject without files and clusters: the text of manifests in, the same manifests with sidecars out.
import { LineCounter } from 'yaml';
import type { Problem } from '../model/problem.ts';
import type { ResourceOutcome, ResourceSettings } from './resources.ts';
import { injectResource } from './resources.ts';
import { readDocuments, writeDocument } from './yaml.ts';

export interface ManifestsResult {
  /** YAML documents, each ended by `---`. Empty when there are errors: half a result would be applied unnoticed. */
  readonly output: string;
  /** What was skipped, and warnings; one line each. */
  readonly notes: readonly string[];
  /** One line each, with file and object. */
  readonly errors: readonly string[];
}

/** Injects every workload of a YAML text (`name` is the file's, for messages); everything else passes unchanged. */
export function injectManifests(text: string, name: string, settings: ResourceSettings): ManifestsResult {
  const lines = new LineCounter();
  const parts: string[] = [];
  const notes: string[] = [];
  const errors: string[] = [];
  let start = 0;
  for (const document of readDocuments(text, { lineCounter: lines })) {
    const from = start;
    start = document.range?.[2] ?? start;
    const [broken] = document.errors;
    if (broken) {
      errors.push(`${name}:${lines.linePos(broken.pos[0]).line}: not valid YAML: ${broken.message.split('\n')[0]}`);
      continue;
    }
    const object: unknown = document.toJS();
    if (object === null || object === undefined) continue;
    const result = injectResource(object, settings);
    for (const outcome of result.outcomes) {
      const who = `${outcome.kind} ${JSON.stringify(outcome.name)}`;
      notes.push(...skipped(outcome, who));
      for (const problem of outcome.problems) {
        (problem.severity === 'error' ? errors : notes).push(`${name}: ${who}: ${describe(problem)}`);
      }
    }
    const unchanged = result.outcomes.every((outcome) => !outcome.decision.inject);
    parts.push(unchanged ? source(text.slice(from, start)) : writeDocument(result.object));
  }
  return { output: errors.length > 0 ? '' : parts.map((part) => `${part}---\n`).join(''), notes, errors };
}

/** Istio's own sentences, which scripts look for, with our reason where they have none. */
function skipped(outcome: ResourceOutcome, who: string): string[] {
  const { code, inject, reason } = outcome.decision;
  if (inject || code === 'invalid') return [];
  if (code === 'host-network') return [`===> Skipping injection because ${who} has host networking enabled`];
  if (code === 'pod-disabled') return [`===> Skipping injection because ${who} has sidecar injection disabled`];
  return [`===> Skipping injection of ${who} because ${reason}`];
}

function describe(problem: Problem): string {
  return problem.path ? `${problem.path}: ${problem.message}` : problem.message;
}

/** A document as it was written, comments and all, without the lines that separate documents. */
function source(text: string): string {
  const part = text.replace(/^---[^\n]*\n/, '').replace(/\n?(---|\.\.\.)\s*$/, '');
  return part.endsWith('\n') ? part : `${part}\n`;
}
