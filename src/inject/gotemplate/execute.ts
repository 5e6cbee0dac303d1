// Runs a parsed template over its data. Pure; what it cannot do is a TemplateError that names line and expression.

import { isObject, own } from '../json.ts';
import { TemplateError } from './error.ts';
import { CallError, findFunction } from './functions.ts';
import type { Block, Expression, Node, Place, TemplateTree } from './parse.ts';
import { parseTemplate } from './parse.ts';
import { entriesOf, GoStruct, printed, StringMapValue, truthy } from './value.ts';

/** A template may name others; more than this many inside each other is a loop. */
const MAX_DEPTH = 50;

/** Nodes that one run may visit: thousands of times what a pod needs, and still done in well under a second. */
const MAX_STEPS = 200_000;

/** Parses and runs a template; `functions` are those that need more than their arguments. Throws TemplateError. */
export function renderTemplate(source: string, data: unknown, functions: TemplateFunctions = {}): string {
  const tree = parseTemplate(source);
  return runBlock(tree.root, {
    tree,
    dot: data,
    variables: new Scope([['$', data]]),
    depth: 0,
    functions,
    steps: { left: MAX_STEPS },
  });
}

/** Variables of a block; an inner block sees and may change those of the blocks around it. */
class Scope {
  readonly #own: Map<string, unknown>;
  readonly #outer: Scope | undefined;

  constructor(entries: Iterable<readonly [string, unknown]> = [], outer?: Scope) {
    this.#own = new Map(entries);
    this.#outer = outer;
  }

  declare(name: string, value: unknown): void {
    this.#own.set(name, value);
  }

  holder(name: string): Map<string, unknown> | undefined {
    return this.#own.has(name) ? this.#own : this.#outer?.holder(name);
  }
}

export type TemplateFunctions = Readonly<Record<string, (...args: unknown[]) => unknown>>;

interface Context {
  readonly tree: TemplateTree;
  readonly dot: unknown;
  readonly variables: Scope;
  readonly depth: number;
  readonly functions: TemplateFunctions;
  /** Shared by the whole run. */
  readonly steps: { left: number };
}

function runBlock(block: Block, context: Context): string {
  return block.map((node) => runNode(node, context)).join('');
}

/** A block of its own: variables declared in it end with it. */
function inner(context: Context, variables: Iterable<readonly [string, unknown]> = [], dot = context.dot): Context {
  return { ...context, dot, variables: new Scope(variables, context.variables) };
}

function runNode(node: Node, context: Context): string {
  if (context.steps.left-- <= 0) throw new TemplateError(`it takes more than ${MAX_STEPS} steps`, node.place);
  switch (node.kind) {
    case 'text':
      return node.text;
    case 'print':
      return print(evaluate(node.value, context, node.place), node.place);
    case 'set': {
      const value = evaluate(node.value, context, node.place);
      const holder = context.variables.holder(node.name);
      if (node.declare) context.variables.declare(node.name, value);
      else if (holder) holder.set(node.name, value);
      else throw new TemplateError(`the variable ${node.name} is not declared`, node.place);
      return '';
    }
    case 'if': {
      const value = evaluate(node.value, context, node.place);
      const variables: [string, unknown][] = node.variable ? [[node.variable, value]] : [];
      return runBlock(truthy(value) ? node.body : node.otherwise, inner(context, variables));
    }
    case 'with': {
      const value = evaluate(node.value, context, node.place);
      const variables: [string, unknown][] = node.variable ? [[node.variable, value]] : [];
      if (!truthy(value)) return runBlock(node.otherwise, inner(context, variables));
      return runBlock(node.body, inner(context, variables, value));
    }
    case 'range':
      return runRange(node, context);
    case 'template':
      return runDefined(node, context);
  }
}

function runRange(node: Extract<Node, { kind: 'range' }>, context: Context): string {
  const value = evaluate(node.value, context, node.place);
  const entries = entriesOf(value);
  if (!entries) throw new TemplateError('range needs a list or a map', node.place);
  if (entries.length === 0) return runBlock(node.otherwise, inner(context));
  const [first, second] = node.variables;
  return entries
    .map(([key, item]) => {
      const variables: [string, unknown][] = [];
      if (first && second) variables.push([first, key], [second, item]);
      else if (first) variables.push([first, item]);
      return runBlock(node.body, inner(context, variables, item));
    })
    .join('');
}

function runDefined(node: Extract<Node, { kind: 'template' }>, context: Context): string {
  const block = context.tree.defines.get(node.name);
  if (!block) throw new TemplateError(`no template is defined as ${JSON.stringify(node.name)}`, node.place);
  if (context.depth >= MAX_DEPTH)
    throw new TemplateError(`template ${JSON.stringify(node.name)} calls itself`, node.place);
  const dot = evaluate(node.value, context, node.place);
  return runBlock(block, { ...context, dot, variables: new Scope([['$', dot]]), depth: context.depth + 1 });
}

function evaluate(expression: Expression, context: Context, place: Place): unknown {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'dot':
      return context.dot;
    case 'variable': {
      const holder = context.variables.holder(expression.name);
      if (!holder) throw new TemplateError(`the variable ${expression.name} is not declared`, place);
      return holder.get(expression.name);
    }
    case 'field':
      return fieldOf(evaluate(expression.of, context, place), expression.name, place);
    case 'call':
      return call(expression, context, place);
  }
}

function fieldOf(value: unknown, name: string, place: Place): unknown {
  if (value instanceof GoStruct) {
    // Protobuf types have a getter for each field, which is safe on nil.
    if (/^Get[A-Z]/.test(name) && value.fields.has(name.slice(3))) return value.fields.get(name.slice(3));
    if (!value.fields.has(name)) throw new TemplateError(`${value.type} has no field ${name}`, place);
    return value.fields.get(name);
  }
  if (value instanceof StringMapValue) return own(value.entries, name) ?? null;
  if (isObject(value)) return own(value, name) ?? null;
  // Getters of an absent message, and the methods of wrapped scalars and enums.
  if ((value === null || value === undefined) && /^Get[A-Z]/.test(name)) return null;
  if (['string', 'number', 'boolean'].includes(typeof value) && (name === 'GetValue' || name === 'String'))
    return value;
  if (value === null || value === undefined) throw new TemplateError(`.${name} is read from nothing`, place);
  throw new TemplateError(`.${name} is read from a ${Array.isArray(value) ? 'list' : typeof value}`, place);
}

function call(expression: Extract<Expression, { kind: 'call' }>, context: Context, place: Place): unknown {
  const { name, args } = expression;
  if (name === 'and' || name === 'or') return shortCircuit(name, args, context, place);
  const run = Object.hasOwn(context.functions, name) ? context.functions[name] : findFunction(name);
  if (!run) throw new TemplateError(`the function ${name} is not supported`, place);
  try {
    return run(...args.map((arg) => evaluate(arg, context, place)));
  } catch (error) {
    if (error instanceof CallError) throw new TemplateError(error.message, place);
    throw error;
  }
}

/** `and` and `or` stop at the argument that decides, as in Go; later ones may not even be evaluable. */
function shortCircuit(name: 'and' | 'or', args: readonly Expression[], context: Context, place: Place): unknown {
  let value: unknown = null;
  for (const arg of args) {
    value = evaluate(arg, context, place);
    if (truthy(value) === (name === 'or')) return value;
  }
  return value;
}

function print(value: unknown, place: Place): string {
  if (value === null || value === undefined) throw new TemplateError('there is no value to print', place);
  const result = printed(value);
  if (result === undefined)
    throw new TemplateError('a list or an object cannot be printed; use toYaml or toJSON', place);
  return result;
}
