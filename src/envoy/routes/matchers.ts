// String, header and query matchers of routes.
import type {
  HeaderMatcherSchema,
  QueryParameterMatcherSchema,
  RouteMatchSchema,
} from '../../gen/envoy/config/route/v3/route_components_pb.js';
import type { StringMatcherSchema } from '../../gen/envoy/type/matcher/v3/string_pb.js';
import type { StringMatch } from '../../model/match.ts';
import type { HttpMatch } from '../../model/route.ts';
import type { Init } from '../any.ts';

export function stringMatcher(m: Exclude<StringMatch, { kind: 'present' }>): Init<typeof StringMatcherSchema> {
  if (m.kind === 'regex') return { matchPattern: { case: 'safeRegex', value: { regex: m.value } } };
  return {
    matchPattern: { case: m.kind, value: m.value },
    ...(m.ignoreCase && { ignoreCase: true }),
  };
}

/** What a match asks of a request; sources, ports and gateways have been looked at before. */
export function routeMatch(m: HttpMatch | undefined): Init<typeof RouteMatchSchema> {
  if (!m) return { pathSpecifier: { case: 'prefix', value: '/' } };
  const headers = [
    ...Object.entries(m.headers).map(([name, match]) => headerMatcher(name, match)),
    ...Object.entries(m.withoutHeaders).map(([name, match]) => withoutHeader(name, match)),
    ...pseudo(':method', m.method),
    ...pseudo(':authority', m.authority),
    ...pseudo(':scheme', m.scheme),
  ];
  return {
    pathSpecifier: pathSpecifier(m.uri),
    ...(m.ignoreUriCase && m.uri?.kind !== 'regex' && { caseSensitive: false }),
    headers,
    queryParameters: Object.entries(m.queryParams).map(([name, match]) => queryMatcher(name, match)),
  };
}

/** Whether a match takes every request, so that nothing behind it can be reached. */
export function matchesAll(m: HttpMatch | undefined): boolean {
  if (!m) return true;
  const anyPath =
    m.uri === undefined ||
    (m.uri.kind === 'prefix' && m.uri.value === '/') ||
    (m.uri.kind === 'regex' && m.uri.value === '.*');
  return (
    anyPath &&
    !m.method &&
    !m.authority &&
    !m.scheme &&
    Object.keys(m.headers).length === 0 &&
    Object.keys(m.withoutHeaders).length === 0 &&
    Object.keys(m.queryParams).length === 0
  );
}

function pathSpecifier(uri: StringMatch | undefined): Init<typeof RouteMatchSchema>['pathSpecifier'] {
  switch (uri?.kind) {
    case 'exact':
      return { case: 'path', value: uri.value };
    case 'prefix':
      return { case: 'prefix', value: uri.value };
    case 'regex':
      return { case: 'safeRegex', value: { regex: uri.value } };
    default:
      return { case: 'prefix', value: '/' };
  }
}

function pseudo(name: string, match: StringMatch | undefined): Init<typeof HeaderMatcherSchema>[] {
  return match ? [headerMatcher(name, match)] : [];
}

export function headerMatcher(name: string, match: StringMatch): Init<typeof HeaderMatcherSchema> {
  if (match.kind === 'present') return { name, headerMatchSpecifier: { case: 'presentMatch', value: true } };
  return { name, headerMatchSpecifier: { case: 'stringMatch', value: stringMatcher(match) } };
}

/** A request without the header at all does not have the unwanted value either. */
function withoutHeader(name: string, match: StringMatch): Init<typeof HeaderMatcherSchema> {
  return {
    ...headerMatcher(name, match),
    invertMatch: true,
    ...(match.kind !== 'present' && { treatMissingHeaderAsEmpty: true }),
  };
}

function queryMatcher(name: string, match: StringMatch): Init<typeof QueryParameterMatcherSchema> {
  // `exact: ""` is how the API asks for presence.
  if (match.kind === 'present' || (match.kind === 'exact' && match.value === '')) {
    return { name, queryParameterMatchSpecifier: { case: 'presentMatch', value: true } };
  }
  return { name, queryParameterMatchSpecifier: { case: 'stringMatch', value: stringMatcher(match) } };
}
