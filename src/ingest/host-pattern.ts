// Hosts that a pattern of a configuration object means.

/** Whether `host` is what `pattern` says: `*`, `*.suffix`, or the host itself. */
export function hostMatches(pattern: string, host: string): boolean {
  if (pattern === '*') return true;
  return pattern.startsWith('*') ? host.endsWith(pattern.slice(1)) : pattern === host;
}
