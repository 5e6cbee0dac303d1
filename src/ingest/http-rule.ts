// HTTPRoute of a VirtualService → a rule of the model.
import type {
  CorsPolicy,
  Destination as DestinationSpec,
  Headers,
  HTTPFaultInjection,
  HTTPMatchRequest,
  HTTPRedirect,
  HTTPRetry,
  HTTPRoute,
  HTTPRouteDestination,
  Percent,
  StringMatch as StringMatchSpec,
} from '../gen/networking/v1alpha3/virtual_service_pb.js';
import {
  HTTPRedirect_RedirectPortSelection as PortSelection,
  CorsPolicy_UnmatchedPreflights as Unmatched,
} from '../gen/networking/v1alpha3/virtual_service_pb.js';
import type { StringMatch } from '../model/match.ts';
import type {
  Cors,
  Destination,
  Fault,
  HeaderOperations,
  HttpAction,
  HttpMatch,
  HttpRule,
  Mirror,
  Retry,
  WeightedDestination,
} from '../model/route.ts';
import { milliseconds } from './duration.ts';
import { fullHost } from './hosts.ts';

/** Where the rule was written: names are relative to it. */
export interface RuleContext {
  readonly namespace: string;
  readonly domain: string;
}

export function httpRule(spec: HTTPRoute, context: RuleContext): HttpRule {
  const rewrite = spec.rewrite;
  const regex = rewrite?.uriRegexRewrite;
  const fault = spec.fault && faultOf(spec.fault);
  return {
    name: spec.name,
    matches: spec.match.map((m) => httpMatch(m, context)),
    action: actionOf(spec, context),
    ...(rewrite && {
      rewrite: {
        uri: rewrite.uri,
        authority: rewrite.authority,
        ...(regex && { uriRegex: { match: regex.match, rewrite: regex.rewrite } }),
      },
    }),
    timeoutMs: milliseconds(spec.timeout),
    retries: spec.retries && retryOf(spec.retries),
    ...(fault && { fault }),
    mirrors: mirrorsOf(spec, context),
    ...(spec.corsPolicy && { cors: corsOf(spec.corsPolicy) }),
    headers: headerOperations(spec.headers),
  };
}

function actionOf(spec: HTTPRoute, context: RuleContext): HttpAction {
  if (spec.redirect) return redirectOf(spec.redirect);
  if (spec.directResponse) {
    const { status, body } = spec.directResponse;
    return { kind: 'direct', status, body: body?.specifier.value ?? '' };
  }
  if (spec.route.length === 0) {
    return { kind: 'invalid', status: 503, reason: 'The rule has no destination.' };
  }
  return { kind: 'route', destinations: spec.route.map((d) => weighted(d, context)) };
}

function weighted(spec: HTTPRouteDestination, context: RuleContext): WeightedDestination {
  return {
    destination: destinationOf(spec.destination, context),
    weight: spec.weight,
    headers: headerOperations(spec.headers),
  };
}

export function destinationOf(spec: DestinationSpec | undefined, { namespace, domain }: RuleContext): Destination {
  return {
    host: fullHost(spec?.host ?? '', namespace, domain),
    subset: spec?.subset ?? '',
    port: spec?.port?.number ?? 0,
  };
}

function redirectOf(spec: HTTPRedirect): HttpAction {
  const { redirectPort: selected } = spec;
  const port =
    selected.case === 'port'
      ? selected.value
      : selected.case === 'derivePort'
        ? selected.value === PortSelection.FROM_REQUEST_PORT
          ? ('from-request' as const)
          : ('from-protocol' as const)
        : undefined;
  return {
    kind: 'redirect',
    uri: spec.uri,
    prefixRewrite: spec.prefixRewrite,
    authority: spec.authority,
    port,
    scheme: spec.scheme,
    code: spec.redirectCode || 301,
  };
}

function httpMatch(spec: HTTPMatchRequest, { namespace }: RuleContext): HttpMatch {
  return {
    name: spec.name,
    ...optional('uri', spec.uri, spec.ignoreUriCase),
    ...optional('scheme', spec.scheme),
    ...optional('method', spec.method),
    ...optional('authority', spec.authority),
    headers: matches(spec.headers),
    withoutHeaders: matches(spec.withoutHeaders),
    queryParams: matches(spec.queryParams),
    port: spec.port,
    sourceLabels: spec.sourceLabels,
    sourceNamespace: spec.sourceNamespace,
    gateways: spec.gateways.map((g) => gatewayName(g, namespace)),
    ignoreUriCase: spec.ignoreUriCase,
    statPrefix: spec.statPrefix,
  };
}

/** `mesh` or `namespace/name`. */
export function gatewayName(written: string, namespace: string): string {
  if (written === 'mesh') return written;
  const [first = '', second] = written.split('/');
  return second === undefined ? `${namespace}/${first}` : `${first === '.' ? namespace : first}/${second}`;
}

function optional<K extends string>(key: K, spec: StringMatchSpec | undefined, ignoreCase = false) {
  const match = spec && stringMatch(spec, ignoreCase);
  return (match ? { [key]: match } : {}) as { [P in K]?: StringMatch };
}

export function stringMatch(spec: StringMatchSpec, ignoreCase = false): StringMatch | undefined {
  const { case: kind, value } = spec.matchType;
  if (kind === undefined) return undefined;
  if (kind === 'regex') return { kind, value };
  return ignoreCase ? { kind, value, ignoreCase } : { kind, value };
}

/** An entry without a match type asks for the name to be present. */
function matches(spec: Record<string, StringMatchSpec>): Record<string, StringMatch> {
  return Object.fromEntries(sortedEntries(spec).map(([k, v]) => [k, stringMatch(v) ?? { kind: 'present' as const }]));
}

export function headerOperations(spec: Headers | undefined): HeaderOperations {
  const change = (ops: { set: Record<string, string>; add: Record<string, string>; remove: string[] } | undefined) => ({
    set: Object.fromEntries(sortedEntries(ops?.set ?? {})),
    add: Object.fromEntries(sortedEntries(ops?.add ?? {})),
    remove: ops?.remove ?? [],
  });
  return { request: change(spec?.request), response: change(spec?.response) };
}

export function retryOf(spec: HTTPRetry): Retry {
  return {
    attempts: spec.attempts,
    perTryTimeoutMs: milliseconds(spec.perTryTimeout) ?? 0,
    retryOn: spec.retryOn,
    backoffMs: milliseconds(spec.backoff) ?? 0,
    retryRemoteLocalities: spec.retryRemoteLocalities,
    retryIgnorePreviousHosts: spec.retryIgnorePreviousHosts,
  };
}

function faultOf(spec: HTTPFaultInjection): Fault | undefined {
  const { delay, abort } = spec;
  const fixed = delay?.httpDelayType.case === 'fixedDelay' ? milliseconds(delay.httpDelayType.value) : undefined;
  const error = abort?.errorType;
  const delayed = delay &&
    fixed !== undefined && { percent: percent(delay.percentage, delay.percent), fixedDelayMs: fixed };
  const aborted = abort &&
    (error?.case === 'httpStatus' || error?.case === 'grpcStatus') && {
      percent: percent(abort.percentage, 100),
      httpStatus: error.case === 'httpStatus' ? error.value : 0,
      grpcStatus: error.case === 'grpcStatus' ? error.value : '',
    };
  if (!delayed && !aborted) return undefined;
  return { ...(delayed && { delay: delayed }), ...(aborted && { abort: aborted }) };
}

/** An absent percentage means the deprecated whole number, or always. */
function percent(value: Percent | undefined, otherwise: number): number {
  return value ? value.value : otherwise;
}

function mirrorsOf(spec: HTTPRoute, context: RuleContext): Mirror[] {
  const listed = spec.mirrors.map((m) => ({
    destination: destinationOf(m.destination, context),
    percent: m.percentage ? m.percentage.value : 100,
  }));
  if (!spec.mirror) return listed;
  const share = spec.mirrorPercentage?.value ?? spec.mirrorPercent ?? 100;
  return [{ destination: destinationOf(spec.mirror, context), percent: share }, ...listed];
}

function corsOf(spec: CorsPolicy): Cors {
  const origins = spec.allowOrigins.map((o) => stringMatch(o)).filter((o) => o !== undefined);
  const old = spec.allowOrigin.map(
    (value): StringMatch => (value === '*' ? { kind: 'regex', value: '.*' } : { kind: 'exact', value }),
  );
  return {
    allowOrigins: origins.length > 0 ? origins : old,
    allowMethods: spec.allowMethods,
    allowHeaders: spec.allowHeaders,
    exposeHeaders: spec.exposeHeaders,
    maxAgeSeconds: spec.maxAge && Math.round((milliseconds(spec.maxAge) ?? 0) / 1000),
    allowCredentials: spec.allowCredentials,
    unmatchedPreflights:
      spec.unmatchedPreflights === Unmatched.FORWARD
        ? 'forward'
        : spec.unmatchedPreflights === Unmatched.IGNORE
          ? 'ignore'
          : '',
  };
}

export function sortedEntries<V>(record: Record<string, V>): [string, V][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
