// The injection webhook's path tells which cluster and network the pod is in: `/inject/cluster/<name>/net/<network>`.
import type { StringMap } from './pod.ts';

/** Path parameters that have names of their own; others are environment variables by their upper-case name. As in Istio. */
const NAMES: StringMap = { cluster: 'ISTIO_META_CLUSTER_ID', net: 'ISTIO_META_NETWORK' };

/**
 * The environment that a webhook path asks for. Forms: `/inject/<key>/<value>/…` (`--slash--` stands for a slash in a
 * value), `/inject/:ENV:<key>=<value>:ENV:…`, and a query `?<key>=<value>`. A key without a value is ignored.
 */
export function parseInjectPath(path: string, query: Iterable<readonly [string, string]> = []): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [key, value] of [...pairsOf(path), ...query]) {
    if (key !== '' && /^[\w.-]+$/.test(key)) env[Object.hasOwn(NAMES, key) ? NAMES[key]! : key.toUpperCase()] = value;
  }
  return env;
}

function pairsOf(path: string): [string, string][] {
  const rest = path.replace(/^\/*inject(\/|$)/, '').replace(/\/$/, '');
  if (rest.startsWith(':ENV:')) {
    return rest
      .split(':ENV:')
      .map((pair) => [pair, pair.indexOf('=')] as const)
      .filter(([, at]) => at > 0)
      .map(([pair, at]) => [decode(pair.slice(0, at)), decode(pair.slice(at + 1))]);
  }
  const parts = rest.split('/').filter((part, at) => part !== '' || at > 0);
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < parts.length; at += 2) {
    pairs.push([decode(parts[at]!), decode(parts[at + 1]!).replaceAll('--slash--', '/')]);
  }
  return pairs;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
