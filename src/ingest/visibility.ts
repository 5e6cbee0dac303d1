// exportTo: who sees an object.
import type { Visibility } from '../model/service.ts';

const ALL: Visibility = { kind: 'all' };
const NONE: Visibility = { kind: 'none' };

/** Resolves an exportTo list; `fallback` is the mesh's default for the kind and holds when the list is empty. */
export function visibilityOf(exportTo: readonly string[], namespace: string, fallback: readonly string[]): Visibility {
  const names = exportTo.length > 0 ? exportTo : fallback;
  if (names.includes('*')) return ALL;
  if (names.includes('~')) return NONE;
  return { kind: 'some', namespaces: [...new Set(names.map((n) => (n === '.' ? namespace : n)))].sort() };
}

/** Whether a namespace sees it. The namespace '' stands for those with nothing of their own: they see what all see. */
export function isVisible(visibility: Visibility, namespace: string): boolean {
  return visibility.kind === 'all' || (visibility.kind === 'some' && visibility.namespaces.includes(namespace));
}

/**
 * Index terms of an exportTo list: `*`, `ns:<name>` for each namespace, or `unset` where the mesh's default decides
 * (an index must not depend on other values).
 */
export function visibilityTerms(exportTo: readonly string[], namespace: string): string[] {
  if (exportTo.length === 0) return ['unset', `unset:${namespace}`];
  const v = visibilityOf(exportTo, namespace, []);
  return v.kind === 'all' ? ['*'] : v.kind === 'none' ? [] : v.namespaces.map((n) => `ns:${n}`);
}
