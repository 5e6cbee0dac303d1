// YAML text of IstioOperator documents → plain values that remember the line of every field.
import { type Document, isMap, isPair, isSeq, LineCounter, type Node, parseAllDocuments } from 'yaml';
import type { Problem } from '../model/problem.ts';
import { isObject, type Json, type JsonObject } from './json.ts';
import type { PathStep } from './set-flag.ts';

/** A problem of an installation: where (`file`, and through Problem path and line) and what. */
export interface InstallProblem extends Problem {
  /** File name, `-` for standard input, or the flag. */
  readonly source?: string;
}

export interface OperatorDocument {
  readonly source: string;
  readonly value: JsonObject;
  /** 1-based line of a field, or of the nearest field around it. */
  lineOf(path: readonly PathStep[]): number | undefined;
}

/** Splits and parses; empty documents are left out, but there must be one that is not. Syntax errors are problems with their line. */
export function parseOperatorDocuments(
  text: string,
  source: string,
): { readonly documents: readonly OperatorDocument[]; readonly problems: readonly InstallProblem[] } {
  const lineCounter = new LineCounter();
  const documents: OperatorDocument[] = [];
  const problems: InstallProblem[] = [];
  const parsed = parseAllDocuments(text, { lineCounter, prettyErrors: false, uniqueKeys: true });
  for (const document of Array.isArray(parsed) ? parsed : []) {
    // What follows the first syntax error is mostly its consequence.
    const error = document.errors[0];
    if (error) {
      const line = lineCounter.linePos(error.pos[0]).line;
      const message = `${error.message.split('\n')[0]}; correct the YAML`;
      problems.push({ code: 'yaml-syntax', severity: 'error', path: '', source, line, message });
    }
    if (document.errors.length > 0) continue;
    const value = document.toJS() as Json;
    if (value === null || value === undefined) continue;
    if (!isObject(value)) {
      const message = 'this document is not an IstioOperator but a plain value or list';
      problems.push({ code: 'not-an-operator', severity: 'error', path: '', source, message });
      continue;
    }
    documents.push({ source, value, lineOf: (path) => lineOf(document as Document, path, lineCounter) });
  }
  if (documents.length === 0 && problems.length === 0) {
    const message = 'there is no IstioOperator document in it; did what should have written it fail?';
    problems.push({ code: 'empty-input', severity: 'error', path: '', source, message });
  }
  return { documents, problems };
}

function lineOf(document: Document, path: readonly PathStep[], lines: LineCounter): number | undefined {
  let node: unknown = document.contents;
  let offset = (document.contents as Node | null)?.range?.[0];
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => String((item.key as { value?: unknown })?.value ?? item.key) === String(step),
      );
      if (!isPair(pair)) break;
      offset = (pair.key as Node | null)?.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number' && node.items[step] !== undefined) {
      node = node.items[step];
      offset = (node as Node).range?.[0] ?? offset;
    } else break;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}
