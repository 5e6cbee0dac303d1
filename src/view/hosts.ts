// Host names with wildcards: which of two covers the other.

/** `*` matches everything, `*.a.b` every name below `a.b`; a wildcard pattern also covers narrower wildcards. */
export function hostCovers(pattern: string, host: string): boolean {
  if (pattern === '*') return true;
  if (!pattern.startsWith('*')) return pattern === host;
  const suffix = pattern.slice(1);
  const name = host.startsWith('*') ? host.slice(1) : host;
  return name.endsWith(suffix) && (host.startsWith('*') || name.length > suffix.length);
}

/** The narrower of two patterns when one covers the other. */
export function hostIntersection(a: string, b: string): string | undefined {
  if (hostCovers(a, b)) return b;
  if (hostCovers(b, a)) return a;
  return undefined;
}
