// Short and full host names.

/** Full form of a host as written in an object of `namespace`: a name without dots means a Service of that namespace. */
export function fullHost(host: string, namespace: string, domain: string): string {
  const name = host.toLowerCase();
  if (name === '' || name === '*' || name.startsWith('*') || name.includes('.')) return name;
  return `${name}.${namespace}.svc.${domain}`;
}

/** Namespace of a Kubernetes Service's full host; '' for other hosts. */
export function hostNamespace(host: string, domain: string): string {
  const suffix = `.svc.${domain}`;
  if (!host.endsWith(suffix)) return '';
  const parts = host.slice(0, -suffix.length).split('.');
  return parts.length === 2 ? parts[1]! : '';
}

/** The most specific of some host patterns that covers a host: the exact one, else the longest wildcard. */
export function mostSpecific(patterns: Iterable<string>, host: string): string | undefined {
  let best: string | undefined;
  for (const pattern of patterns) {
    if (pattern === host) return pattern;
    const covers = pattern === '*' || (pattern.startsWith('*') && host.endsWith(pattern.slice(1)));
    if (covers && (best === undefined || pattern.length > best.length)) best = pattern;
  }
  return best;
}
