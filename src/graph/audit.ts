// The judge of the engine: computes every live value again from the raw inputs, without any cache, and compares.
import { deepEqual } from '../lib/equal.ts';
import type { AnyFamily, IndexFamily } from './family.ts';
import type { Read } from './graph.ts';
import type { Node } from './node.ts';

export interface AuditFinding {
  readonly family: string;
  readonly key: string;
  readonly message: string;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** Live cells whose value is not what a computation from scratch gives now. Empty when all is well. */
export function audit(families: readonly AnyFamily[]): AuditFinding[] {
  const memo = new Map<AnyFamily, Map<string, Outcome | undefined>>();
  const read: Read = (family, key) => {
    const outcome = evaluate(family as unknown as AnyFamily, key);
    if ('error' in outcome) throw outcome.error;
    return outcome.value as never;
  };
  const evaluate = (family: AnyFamily, key: unknown): Outcome => {
    const own = family.id(key);
    const id = typeof own === 'string' ? own : JSON.stringify(own);
    const known = memo.get(family) ?? new Map<string, Outcome | undefined>();
    memo.set(family, known);
    if (known.has(id)) return known.get(id) ?? { error: new Error(`${family.name}(${id}) reads itself`) };
    known.set(id, undefined);
    const outcome = fromScratch(family, key, id, read);
    known.set(id, outcome);
    return outcome;
  };
  const findings: AuditFinding[] = [];
  for (const family of families) {
    for (const node of family.nodes.values()) {
      const message = compare(node, evaluate(family, node.key));
      if (message) findings.push({ family: family.name, key: node.id, message });
    }
  }
  return findings;
}

function fromScratch(family: AnyFamily, key: unknown, id: string, read: Read): Outcome {
  if (family.kind === 'input') return { value: family.values.get(id) };
  if (family.kind === 'index') return { value: fullScan(family, id) };
  try {
    return { value: family.compute(key, read) };
  } catch (error) {
    return { error };
  }
}

function fullScan(index: IndexFamily, term: string): string[] {
  const keys: string[] = [];
  for (const [key, value] of index.input.values) {
    for (const other of index.terms(value, key)) {
      if (other === term) {
        keys.push(key);
        break;
      }
    }
  }
  return keys.sort();
}

function compare(node: Node, scratch: Outcome): string | undefined {
  if ('error' in scratch) {
    if (node.failed && String(node.value) === String(scratch.error)) return undefined;
    return `from scratch it throws ${String(scratch.error)}, kept is ${show(node.value)}`;
  }
  if (node.failed) return `kept is the error ${String(node.value)}, from scratch it is ${show(scratch.value)}`;
  const same = node.family.kind === 'derived' ? node.family.equal : deepEqual;
  if (node.value === scratch.value || same(node.value, scratch.value)) return undefined;
  return `kept is ${show(node.value)}, from scratch it is ${show(scratch.value)}`;
}

function show(value: unknown): string {
  const text =
    JSON.stringify(value, (_, field) => (typeof field === 'bigint' ? String(field) : field)) ?? String(value);
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}
