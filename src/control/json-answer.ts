// Answers in JSON, as the debug endpoints give them.
import type { HttpAnswer } from './http-server.ts';

/** Indented like the reference's, so that diffs of two dumps read well. */
export function json(value: unknown, status = 200): HttpAnswer {
  const body = `${JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? String(item) : item), 2)}\n`;
  return { status, type: 'application/json', body };
}
