// Cuts a Go template into text and actions, and an action into tokens. `{{-` and `-}}` trim the white space beside them.
import { TemplateError } from './error.ts';

export type Segment =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly tokens: readonly Token[]; readonly source: string; readonly line: number };

export interface Token {
  readonly kind: 'word' | 'field' | 'variable' | 'string' | 'number' | 'symbol';
  readonly text: string;
  /** No white space before it, so `(x).y` and `x .y` differ. */
  readonly glued: boolean;
}

/** Text and actions in order; comments are dropped. */
export function splitTemplate(source: string): Segment[] {
  const segments: Segment[] = [];
  let at = 0;
  let trim = false;
  while (at < source.length) {
    const open = source.indexOf('{{', at);
    const raw = open < 0 ? source.slice(at) : source.slice(at, open);
    const trimBefore = open >= 0 && /^\{\{-\s/.test(source.slice(open, open + 4));
    let text = trim ? raw.trimStart() : raw;
    if (trimBefore) text = text.trimEnd();
    if (text) segments.push({ kind: 'text', text });
    if (open < 0) break;
    const line = source.slice(0, open).split('\n').length;
    const close = findClose(source, open + 2, line);
    const body = source.slice(open + 2, close);
    trim = /\s-$/.test(body);
    const inner = body.slice(trimBefore ? 1 : 0, trim ? -1 : undefined).trim();
    if (!(inner.startsWith('/*') && inner.endsWith('*/'))) {
      segments.push({ kind: 'action', tokens: tokenize(inner, line), source: inner, line });
    }
    at = close + 2;
  }
  return segments;
}

/** Where the action's `}}` is; quotes and comments may contain braces. */
function findClose(source: string, from: number, line: number): number {
  let at = from;
  while (at < source.length) {
    const char = source[at]!;
    if (source.startsWith('/*', at)) {
      at = source.indexOf('*/', at) + 2;
      if (at < 2) break;
    } else if (char === '"' || char === '`') at = endOfString(source, at);
    else if (source.startsWith('}}', at)) return at;
    else at++;
  }
  throw new TemplateError('an action is not closed by }}', { line, expression: source.slice(from, from + 40) });
}

function endOfString(source: string, start: number): number {
  const quote = source[start];
  let at = start + 1;
  while (at < source.length && source[at] !== quote) at += quote === '"' && source[at] === '\\' ? 2 : 1;
  return at + 1;
}

const TOKEN =
  /\s+|"(?:\\.|[^"\\])*"|`[^`]*`|-?\d+(?:\.\d+)?(?![\w.])|\$[A-Za-z_]\w*|\$|\.[A-Za-z_]\w*|[A-Za-z_]\w*|:=|[().|,=]/y;

function tokenize(action: string, line: number): Token[] {
  const tokens: Token[] = [];
  let glued = false;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < action.length) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(action);
    if (!match) {
      const rest = action.slice(start, start + 20);
      throw new TemplateError(`cannot read ${JSON.stringify(rest)}`, { line, expression: action });
    }
    const text = match[0];
    if (!/^\s/.test(text)) tokens.push({ kind: kindOf(text), text, glued });
    glued = !/^\s/.test(text);
  }
  return tokens;
}

function kindOf(text: string): Token['kind'] {
  if (text[0] === '"' || text[0] === '`') return 'string';
  if (text[0] === '$') return 'variable';
  if (/^\.[A-Za-z_]/.test(text)) return 'field';
  if (/^-?\d/.test(text)) return 'number';
  return /^\w/.test(text) ? 'word' : 'symbol';
}
