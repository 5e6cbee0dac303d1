// Which of Envoy's statistics a proxy keeps and how names become tags: Istio's defaults, the pod's annotations on top. Pure.
import type { Json } from './bootstrap.ts';
import type { AgentOptions } from './options.ts';

const PREFIXES = ['cluster_manager', 'listener_manager', 'server', 'cluster.xds-grpc', 'wasm', 'component', 'istio'];
const RBAC_SUFFIXES = ['rbac.allowed', 'rbac.denied', 'shadow_allowed', 'shadow_denied'];
/** The agent's draining reads it. */
const DRAIN_SUFFIXES = ['downstream_cx_active'];
/** Statistics of routes that a VirtualService names. */
const REGEXPS = ['vhost\\..*\\.route\\..*'];

/** Tags of Envoy's own names. The Istio metrics get theirs from the access logger that emits them. */
const TAGS: readonly (readonly [name: string, regex: string])[] = [
  ['cluster_name', '^cluster\\.((.+?(\\..+?\\.svc\\.cluster\\.local)?)\\.)'],
  ['tcp_prefix', '^tcp\\.((.*?)\\.)\\w+?$'],
  ['response_code', '_rq(_(\\d{3}))$'],
  ['response_code_class', '_rq(_(\\dxx))$'],
  [
    'http_conn_manager_listener_prefix',
    '^listener(?=\\.).*?\\.http\\.(((?:[_.[:digit:]]*|[_\\[\\]aAbBcCdDeEfF[:digit:]]*))\\.)',
  ],
  ['http_conn_manager_prefix', '^http\\.(((?:[_.[:digit:]]*|[_\\[\\]aAbBcCdDeEfF[:digit:]]*))\\.)'],
  ['listener_address', '^listener\\.(((?:[_.[:digit:]]*|[_\\[\\]aAbBcCdDeEfF[:digit:]]*))\\.)'],
  ['mongo_prefix', '^mongo\\.(.+?)\\.(collection|cmd|cx_|op_|delays_|decoding_)(.*?)$'],
];

/** Milliseconds, from 0.5 ms to 30 min: what Istio's dashboards take quantiles over. */
const BUCKETS = [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000];

export function statsConfig(options: AgentOptions): Json {
  const { annotations } = options;
  const { prefixes, suffixes, regexps } = wanted(options);
  const always = options.exitOnZeroActiveConnections ? [...RBAC_SUFFIXES, ...DRAIN_SUFFIXES] : RBAC_SUFFIXES;

  return {
    use_all_default_tags: false,
    stats_tags: [...TAGS.map(([tag_name, regex]) => ({ tag_name, regex })), ...extraTags(options)],
    stats_matcher: {
      inclusion_list: {
        patterns: [
          ...[...prefixes, ...PREFIXES].map((prefix) => ({ prefix })),
          ...[...suffixes, ...always].map((suffix) => ({ suffix })),
          // The metrics that the access logger emits, below whatever prefix it was given.
          { contains: 'istio_' },
          ...[...regexps, ...REGEXPS].map((regex) => ({ safe_regex: { regex } })),
        ],
      },
    },
    histogram_bucket_settings: buckets(annotations['sidecar.istio.io/statsHistogramBuckets']),
  };
}

/** Begins the names of the statistics of every cluster that leads to a service. */
const OUTBOUND = 'cluster.outbound|';

/**
 * Whether statistics of outbound clusters may be among those that are wanted. Where none is, the control plane can tell Envoy so
 * cluster by cluster: else Envoy remembers the name of each that it rejects, four and a half kilobytes a cluster. None of those
 * that are always kept is one of them.
 */
export function countsOutbound(options: AgentOptions): boolean {
  const { prefixes, suffixes, regexps } = wanted(options);
  const meant = (prefix: string) => prefix.startsWith(OUTBOUND) || OUTBOUND.startsWith(prefix);
  return suffixes.length > 0 || regexps.length > 0 || prefixes.some(meant);
}

/** What the user asks for. An annotation replaces the mesh's list; what the agent itself reads is kept besides. */
function wanted({ annotations, addresses, proxyConfig }: AgentOptions) {
  const { statsMatcher } = proxyConfig;
  const patterns = (annotation: string, configured: readonly string[]) => {
    const given = annotations[`sidecar.istio.io/${annotation}`];
    return (given ? given.split(',').filter(Boolean) : configured).flatMap((pattern) =>
      pattern.includes('{pod_ip}') ? addresses.map((address) => pattern.replaceAll('{pod_ip}', address)) : [pattern],
    );
  };
  return {
    prefixes: patterns('statsInclusionPrefixes', statsMatcher.inclusionPrefixes),
    suffixes: patterns('statsInclusionSuffixes', statsMatcher.inclusionSuffixes),
    regexps: patterns('statsInclusionRegexps', statsMatcher.inclusionRegexps),
  };
}

function extraTags(options: AgentOptions): Json[] {
  const annotated = (options.annotations['sidecar.istio.io/extraStatTags'] ?? '').split(',');
  const names = [...new Set([...options.proxyConfig.extraStatTags, ...annotated])].filter(Boolean);
  return names.map((tag_name) => ({ tag_name, regex: `(${tag_name}\\.=\\.(.*?);\\.)` }));
}

/** The annotation is `{"<prefix>": [upper bounds]}`; anything else leaves the defaults. */
function buckets(annotation: string | undefined): Json {
  const istio = { match: { prefix: 'istio' }, buckets: BUCKETS };
  if (!annotation) return [istio];
  try {
    const given = JSON.parse(annotation) as Record<string, unknown>;
    const entries = Object.entries(given).filter((entry): entry is [string, number[]] => Array.isArray(entry[1]));
    return [...entries.sort().map(([prefix, list]) => ({ match: { prefix }, buckets: list })), istio];
  } catch {
    return [istio];
  }
}
