// `k8s.overlays`: patches on rendered objects by path, in istioctl's path syntax.
import { parse } from 'yaml';
import { isList, isObject, type Json, type JsonObject, listAt, type Manifest, textAt } from './json.ts';

type Step =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'match'; readonly key: string; readonly value: string }
  | { readonly kind: 'value'; readonly value: string };

export interface OverlayProblem {
  /** Position below the component's `k8s`, e.g. `overlays[0].patches[2].path`. */
  readonly path: string;
  readonly message: string;
  readonly severity: 'error' | 'warning';
}

export interface OverlayResult {
  readonly objects: readonly Manifest[];
  readonly problems: readonly OverlayProblem[];
}

/** The objects with every overlay applied. A patch that cannot be applied is a problem and changes nothing. */
export function applyOverlays(objects: readonly Manifest[], overlays: readonly Json[]): OverlayResult {
  const problems: OverlayProblem[] = [];
  let out = [...objects];
  overlays.forEach((overlay, o) => {
    const kind = textAt(overlay, 'kind');
    const name = textAt(overlay, 'name');
    const version = textAt(overlay, 'apiVersion');
    const meant = (m: Manifest) =>
      m.kind === kind && m.metadata.name === name && (!version || m.apiVersion === version);
    if (!out.some(meant)) {
      const message = `this component makes no ${kind} named ${name}; run 'istioctl manifest generate' to see what it makes`;
      problems.push({ path: `overlays[${o}].name`, message, severity: 'warning' });
      return;
    }
    listAt(overlay, 'patches').forEach((patch, p) => {
      out = out.map((manifest) => {
        if (!meant(manifest)) return manifest;
        try {
          return patched(manifest, textAt(patch, 'path'), isObject(patch) ? patch.value : undefined);
        } catch (error) {
          const message = `${kind} ${name}: ${(error as Error).message}`;
          problems.push({ path: `overlays[${o}].patches[${p}].path`, message, severity: 'error' });
          return manifest;
        }
      });
    });
  });
  return { objects: out, problems };
}

/** One patch. No value (or null) deletes; a text that is YAML of a map or list replaces a map or list by it. */
function patched(manifest: Manifest, path: string, value: Json | undefined): Manifest {
  const steps = parseOverlayPath(path);
  if (steps.length === 0) throw new Error('path is empty');
  return write(manifest, steps, value ?? undefined, '') as Manifest;
}

/** `a.b.[name:x].[0].[value]`; dots and colons inside names are written `\.` and `\:`. */
export function parseOverlayPath(path: string): Step[] {
  const parts: string[] = [];
  let part = '';
  let depth = 0;
  for (let i = 0; i < path.length; i++) {
    const c = path[i]!;
    if (c === '\\' && i + 1 < path.length) part += c + path[++i];
    else if (c === '.' && depth === 0) {
      parts.push(part);
      part = '';
    } else {
      if (c === '[') {
        if (depth === 0 && part !== '') {
          parts.push(part);
          part = '';
        }
        depth++;
      }
      if (c === ']') depth--;
      part += c;
    }
  }
  if (depth !== 0) throw new Error(`path ${path} has an unclosed '['`);
  parts.push(part);
  return parts.filter((text) => text !== '').map(stepOf);
}

function stepOf(text: string): Step {
  const plain = (s: string) => s.replace(/\\(.)/g, '$1');
  if (!text.startsWith('[') || !text.endsWith(']')) return { kind: 'key', key: plain(text) };
  const inner = text.slice(1, -1);
  if (/^-?\d+$/.test(inner)) return { kind: 'index', index: Number(inner) };
  const colon = inner.search(/(?<!\\):/);
  if (colon < 0) return { kind: 'value', value: plain(inner) };
  if (colon === 0) return { kind: 'value', value: plain(inner.slice(1)) };
  return { kind: 'match', key: plain(inner.slice(0, colon)), value: plain(inner.slice(colon + 1)) };
}

function write(
  node: Json | undefined,
  steps: readonly Step[],
  value: Json | undefined,
  where: string,
): Json | undefined {
  const [step, ...rest] = steps;
  if (!step) return convert(node, value);
  if (step.kind === 'key') {
    if (node !== undefined && node !== null && !isObject(node))
      throw new Error(`${where || 'the object'} is not a map`);
    const map = (node ?? {}) as JsonObject;
    if (map[step.key] === undefined && value === undefined) return node;
    const next = write(map[step.key], rest, value, where ? `${where}.${step.key}` : step.key);
    const { [step.key]: _old, ...others } = map;
    return next === undefined ? others : { ...map, [step.key]: next };
  }
  if (!isList(node)) throw new Error(`${where} is not a list`);
  const place = placeIn(node, step);
  const at = `${where}.${describe(step)}`;
  if (place < 0) {
    if (value === undefined) return node;
    if (rest.length === 0) return [...node, convert(undefined, value)!];
    throw new Error(`${at} does not exist`);
  }
  const next = write(node[place], rest, value, at);
  return next === undefined ? node.filter((_, i) => i !== place) : node.map((item, i) => (i === place ? next : item));
}

function placeIn(list: readonly Json[], step: Exclude<Step, { kind: 'key' }>): number {
  if (step.kind === 'index') return step.index >= 0 && step.index < list.length ? step.index : -1;
  if (step.kind === 'value') return list.findIndex((item) => !isObject(item) && String(item) === step.value);
  return list.findIndex((item) => isObject(item) && String(item[step.key]) === step.value);
}

function describe(step: Exclude<Step, { kind: 'key' }>): string {
  if (step.kind === 'index') return `[${step.index}]`;
  return step.kind === 'value' ? `[${step.value}]` : `[${step.key}:${step.value}]`;
}

function convert(old: Json | undefined, value: Json | undefined): Json | undefined {
  if (typeof value !== 'string' || !(value.includes('\n') || isObject(old) || isList(old))) return value;
  if (typeof old === 'string') return value;
  try {
    const parsed = parse(value) as Json;
    return isObject(parsed) || isList(parsed) ? parsed : value;
  } catch {
    return value;
  }
}
