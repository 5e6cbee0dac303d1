// Go templates as a tree: if, else, range, with, define, template, variables and pipelines. Other actions are refused by name.
import { TemplateError } from './error.ts';
import type { Segment, Token } from './lex.ts';
import { splitTemplate } from './lex.ts';

export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'dot' }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'field'; readonly of: Expression; readonly name: string }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] };

export interface Place {
  readonly line: number;
  readonly expression: string;
}

export type Node = { readonly place: Place } & (
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly value: Expression }
  | { readonly kind: 'set'; readonly name: string; readonly declare: boolean; readonly value: Expression }
  | {
      readonly kind: 'if' | 'with';
      readonly value: Expression;
      readonly variable?: string;
      readonly body: Block;
      readonly otherwise: Block;
    }
  | {
      readonly kind: 'range';
      readonly value: Expression;
      readonly variables: readonly string[];
      readonly body: Block;
      readonly otherwise: Block;
    }
  | { readonly kind: 'template'; readonly name: string; readonly value: Expression }
);

export type Block = readonly Node[];

export interface TemplateTree {
  readonly root: Block;
  readonly defines: ReadonlyMap<string, Block>;
}

/** Parses a template; throws TemplateError with line and expression. */
export function parseTemplate(source: string): TemplateTree {
  const defines = new Map<string, Block>();
  const reader = new BlockReader(splitTemplate(source), defines);
  const { block, end } = reader.read();
  if (end) throw new TemplateError(`unexpected ${end.source}`, { line: end.line, expression: end.source });
  return { root: block, defines };
}

type Action = Extract<Segment, { kind: 'action' }>;

class BlockReader {
  readonly #segments: readonly Segment[];
  readonly #defines: Map<string, Block>;
  #at = 0;

  constructor(segments: readonly Segment[], defines: Map<string, Block>) {
    this.#segments = segments;
    this.#defines = defines;
  }

  /** Reads up to `else`, `end` or the end of the template. */
  read(): { block: Block; end?: Action } {
    const block: Node[] = [];
    while (this.#at < this.#segments.length) {
      const segment = this.#segments[this.#at++]!;
      if (segment.kind === 'text') {
        block.push({ kind: 'text', text: segment.text, place: { line: 0, expression: '' } });
        continue;
      }
      const word = segment.tokens[0]?.kind === 'word' ? segment.tokens[0].text : '';
      if (word === 'end' || word === 'else') return { block, end: segment };
      const node = this.#node(word, segment);
      if (node) block.push(node);
    }
    return { block };
  }

  #node(word: string, action: Action): Node | undefined {
    const place = { line: action.line, expression: action.source };
    const rest = new ExpressionReader(action.tokens.slice(1), place);
    switch (word) {
      case 'if':
      case 'with': {
        const { variables, value } = rest.assignment();
        const { body, otherwise } = this.#bodies(action);
        return { kind: word, place, value, body, otherwise, ...(variables[0] ? { variable: variables[0] } : {}) };
      }
      case 'range':
        return { kind: 'range', place, ...rest.assignment(), ...this.#bodies(action) };
      case 'define': {
        const name = rest.text();
        const { block, end } = this.read();
        if (end?.tokens[0]?.text !== 'end') throw new TemplateError('define without end', place);
        this.#defines.set(name, block);
        return undefined;
      }
      case 'template': {
        const name = rest.text();
        return {
          kind: 'template',
          place,
          name,
          value: rest.done() ? { kind: 'literal', value: null } : rest.pipeline(),
        };
      }
      case 'block':
      case 'break':
      case 'continue':
        throw new TemplateError(`the action ${word} is not supported`, place);
      default:
        return new ExpressionReader(action.tokens, place).statement();
    }
  }

  #bodies(action: Action): { body: Block; otherwise: Block } {
    const place = { line: action.line, expression: action.source };
    const { block: body, end } = this.read();
    if (!end) throw new TemplateError('there is no end for this action', place);
    if (end.tokens[0]!.text === 'end') return { body, otherwise: [] };
    if (end.tokens.length > 1) {
      // `else if x` is an if inside the else; they share the end.
      const nested = { ...end, tokens: end.tokens.slice(1) };
      const node = this.#node(nested.tokens[0]!.text, nested);
      return { body, otherwise: node ? [node] : [] };
    }
    const { block: otherwise, end: close } = this.read();
    if (close?.tokens[0]?.text !== 'end') throw new TemplateError('there is no end for this action', place);
    return { body, otherwise };
  }
}

class ExpressionReader {
  readonly #tokens: readonly Token[];
  readonly #place: Place;
  #at = 0;

  constructor(tokens: readonly Token[], place: Place) {
    this.#tokens = tokens;
    this.#place = place;
  }

  done(): boolean {
    return this.#at >= this.#tokens.length;
  }

  statement(): Node {
    const [first, second] = this.#tokens;
    if (first?.kind === 'variable' && (second?.text === ':=' || second?.text === '=')) {
      this.#at = 2;
      const value = this.#whole();
      return { kind: 'set', place: this.#place, name: first.text, declare: second.text === ':=', value };
    }
    return { kind: 'print', place: this.#place, value: this.#whole() };
  }

  /** `$i, $v := pipeline`, `$v := pipeline` or a pipeline. */
  assignment(): { variables: string[]; value: Expression } {
    const at = this.#tokens.findIndex((token) => token.text === ':=' && token.kind === 'symbol');
    const variables = at < 0 ? [] : this.#tokens.slice(0, at).filter((token) => token.kind === 'variable');
    this.#at = at + 1;
    return { variables: variables.map((token) => token.text), value: this.#whole() };
  }

  text(): string {
    const token = this.#tokens[this.#at++];
    if (token?.kind !== 'string') throw new TemplateError('a name in quotes is missing', this.#place);
    return unquote(token.text);
  }

  pipeline(): Expression {
    let value = this.#command();
    while (this.#peek('|')) {
      this.#at++;
      const next = this.#command();
      if (next.kind !== 'call') throw new TemplateError('only a function may stand after |', this.#place);
      value = { ...next, args: [...next.args, value] };
    }
    return value;
  }

  #whole(): Expression {
    const value = this.pipeline();
    if (!this.done()) throw new TemplateError(`unexpected ${this.#tokens[this.#at]!.text}`, this.#place);
    return value;
  }

  #command(): Expression {
    const first = this.#tokens[this.#at];
    if (first?.kind === 'word' && literalWord(first.text) === undefined) {
      this.#at++;
      const args: Expression[] = [];
      while (!this.done() && !this.#peek('|') && !this.#peek(')')) args.push(this.#operand());
      return { kind: 'call', name: first.text, args };
    }
    const operand = this.#operand();
    if (!this.done() && !this.#peek('|') && !this.#peek(')')) {
      throw new TemplateError('calling a method with arguments is not supported', this.#place);
    }
    return operand;
  }

  #operand(): Expression {
    const token = this.#tokens[this.#at++];
    if (!token) throw new TemplateError('an operand is missing', this.#place);
    return this.#fields(this.#primary(token));
  }

  #primary(token: Token): Expression {
    if (token.kind === 'string') return { kind: 'literal', value: unquote(token.text) };
    if (token.kind === 'number') return { kind: 'literal', value: Number(token.text) };
    if (token.kind === 'variable') return { kind: 'variable', name: token.text };
    if (token.kind === 'field') return { kind: 'field', of: { kind: 'dot' }, name: token.text.slice(1) };
    if (token.text === '.') return { kind: 'dot' };
    if (token.text === '(') {
      const value = this.pipeline();
      if (!this.#peek(')')) throw new TemplateError('a closing parenthesis is missing', this.#place);
      this.#at++;
      return value;
    }
    if (token.kind === 'word') {
      const literal = literalWord(token.text);
      return literal === undefined ? { kind: 'call', name: token.text, args: [] } : literal;
    }
    throw new TemplateError(`unexpected ${token.text}`, this.#place);
  }

  #fields(of: Expression): Expression {
    let value = of;
    for (let token = this.#tokens[this.#at]; token?.kind === 'field' && token.glued; token = this.#tokens[this.#at]) {
      value = { kind: 'field', of: value, name: token.text.slice(1) };
      this.#at++;
    }
    return value;
  }

  #peek(symbol: string): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === 'symbol' && token.text === symbol;
  }
}

function literalWord(word: string): Expression | undefined {
  if (word === 'true' || word === 'false') return { kind: 'literal', value: word === 'true' };
  return word === 'nil' ? { kind: 'literal', value: null } : undefined;
}

function unquote(text: string): string {
  return text.startsWith('`') ? text.slice(1, -1) : (JSON.parse(text) as string);
}
