// Problems are data: collected, never thrown across a layer, and shown with the place they are about.
import type { ObjectRef } from './service.ts';

export interface Problem {
  /** Stable, e.g. `unknown-field`; documented in docs/problems.md. */
  readonly code: string;
  readonly severity: 'error' | 'warning' | 'info';
  /** Path inside the object, e.g. `spec.http[0].route[1].weight`; '' for the whole object. */
  readonly path: string;
  /** One sentence that names what is wrong and what to do next. */
  readonly message: string;
  readonly object?: ObjectRef;
  /** 1-based line in the file it was read from, when known. */
  readonly line?: number;
}

/** An error about the place `path`. */
export function problem(code: string, path: string, message: string): Problem {
  return { code, severity: 'error', path, message };
}

/** A warning about the place `path`. */
export function warning(code: string, path: string, message: string): Problem {
  return { code, severity: 'warning', path, message };
}
