// Delegation: a route of one VirtualService whose details another one holds.
import type { HTTPMatchRequest, HTTPRoute } from '../gen/networking/v1alpha3/virtual_service_pb.js';

/**
 * The routes of a delegate as seen through the route that refers to it: conditions of both must hold, and what the
 * delegate leaves unset comes from the root. Combinations that nothing can match are left out.
 */
export function mergeDelegate(root: HTTPRoute, delegate: readonly HTTPRoute[]): HTTPRoute[] {
  return delegate.flatMap((leaf) => {
    const match = mergeMatches(root.match, leaf.match);
    if (match === undefined) return [];
    const merged: HTTPRoute = {
      ...leaf,
      name: root.name && leaf.name ? `${root.name}-${leaf.name}` : root.name || leaf.name,
      match,
      rewrite: leaf.rewrite ?? root.rewrite,
      timeout: leaf.timeout ?? root.timeout,
      retries: leaf.retries ?? root.retries,
      fault: leaf.fault ?? root.fault,
      mirror: leaf.mirror ?? root.mirror,
      mirrors: leaf.mirrors.length > 0 ? leaf.mirrors : root.mirrors,
      mirrorPercent: leaf.mirrorPercent ?? root.mirrorPercent,
      mirrorPercentage: leaf.mirrorPercentage ?? root.mirrorPercentage,
      corsPolicy: leaf.corsPolicy ?? root.corsPolicy,
      headers: leaf.headers ?? root.headers,
    };
    return [merged];
  });
}

/** Every root condition with every leaf condition; undefined when none of the pairs can hold. */
function mergeMatches(root: HTTPMatchRequest[], leaf: HTTPMatchRequest[]): HTTPMatchRequest[] | undefined {
  if (root.length === 0) return leaf;
  if (leaf.length === 0) return root;
  const pairs = root.flatMap((r) => leaf.flatMap((l) => (conflicts(r, l) ? [] : [mergeMatch(r, l)])));
  return pairs.length > 0 ? pairs : undefined;
}

function mergeMatch(root: HTTPMatchRequest, leaf: HTTPMatchRequest): HTTPMatchRequest {
  return {
    ...leaf,
    name: root.name && leaf.name ? `${root.name}-${leaf.name}` : root.name || leaf.name,
    uri: leaf.uri ?? root.uri,
    scheme: leaf.scheme ?? root.scheme,
    method: leaf.method ?? root.method,
    authority: leaf.authority ?? root.authority,
    headers: { ...root.headers, ...leaf.headers },
    withoutHeaders: { ...root.withoutHeaders, ...leaf.withoutHeaders },
    queryParams: { ...root.queryParams, ...leaf.queryParams },
    port: leaf.port || root.port,
    // The delegate is not attached to gateways or sources of its own.
    sourceLabels: { ...root.sourceLabels, ...leaf.sourceLabels },
    sourceNamespace: leaf.sourceNamespace || root.sourceNamespace,
    gateways: leaf.gateways.length > 0 ? leaf.gateways : root.gateways,
    ignoreUriCase: root.ignoreUriCase || leaf.ignoreUriCase,
    statPrefix: leaf.statPrefix || root.statPrefix,
  };
}

type Match = HTTPMatchRequest['uri'];

function conflicts(root: HTTPMatchRequest, leaf: HTTPMatchRequest): boolean {
  const fields = ['uri', 'scheme', 'method', 'authority'] as const;
  if (fields.some((f) => excludes(root[f], leaf[f]))) return true;
  const maps = ['headers', 'withoutHeaders', 'queryParams'] as const;
  if (maps.some((m) => Object.keys(leaf[m]).some((k) => excludes(root[m][k], leaf[m][k])))) return true;
  if (root.port && leaf.port && root.port !== leaf.port) return true;
  if (root.sourceNamespace && leaf.sourceNamespace && root.sourceNamespace !== leaf.sourceNamespace) return true;
  return Object.entries(leaf.sourceLabels).some(
    ([k, v]) => root.sourceLabels[k] !== undefined && root.sourceLabels[k] !== v,
  );
}

/** The leaf may only narrow: an exact value or prefix below the root's prefix. Two regular expressions never combine. */
function excludes(root: Match, leaf: Match): boolean {
  const r = root?.matchType;
  const l = leaf?.matchType;
  if (r?.case === undefined || l?.case === undefined) return false;
  if (r.case === 'regex' || l.case === 'regex') return true;
  if (r.case === 'exact') return l.case !== 'exact' || l.value !== r.value;
  return !l.value.startsWith(r.value);
}
