// Claims of a verified token, as the jwt_authn filter leaves them in dynamic metadata for authorization.
import type { PrincipalSchema } from '../../gen/envoy/config/rbac/v3/rbac_pb.js';
import type { ValueMatcherSchema } from '../../gen/envoy/type/matcher/v3/value_pb.js';
import type { Init } from '../any.ts';
import { regexMatch, type StringInit, stringMatch, stringOrListValue, stringValue } from './strings.ts';

type PrincipalInit = Init<typeof PrincipalSchema>;

export const JWT_FILTER = 'envoy.filters.http.jwt_authn';
/** Key under which the claims are stored (`payload_in_metadata`). */
export const JWT_PAYLOAD = 'payload';

/** A principal that has the claim (a path into nested claims), as one string or in a list of strings. */
export const claim = (path: readonly string[], value: string): PrincipalInit =>
  atPath(path, stringOrListValue(stringMatch(value)));

const text = (name: string, matcher: StringInit): PrincipalInit => atPath([name], stringValue(matcher));

function atPath(path: readonly string[], value: Init<typeof ValueMatcherSchema>): PrincipalInit {
  return {
    identifier: {
      case: 'metadata',
      value: {
        filter: JWT_FILTER,
        path: [JWT_PAYLOAD, ...path].map((key) => ({ segment: { case: 'key' as const, value: key } })),
        value,
      },
    },
  };
}

/**
 * A request principal is `issuer/subject`. Both may contain slashes, so every way to split the value is tried; a wildcard
 * may also cover the slash itself.
 */
export function requestPrincipal(value: string): PrincipalInit {
  if (value === '*') return both(regexMatch('.+'), regexMatch('.+'));
  const ways: PrincipalInit[] = [];
  for (let at = value.indexOf('/'); at >= 0; at = value.indexOf('/', at + 1)) {
    ways.push(both(stringMatch(value.slice(0, at)), stringMatch(value.slice(at + 1))));
  }
  if (value.startsWith('*')) ways.push(text('sub', { matchPattern: { case: 'suffix', value: value.slice(1) } }));
  if (value.endsWith('*')) ways.push(text('iss', { matchPattern: { case: 'prefix', value: value.slice(0, -1) } }));
  if (ways.length === 0) return both(stringMatch(value), { matchPattern: { case: 'exact', value: '' } });
  return ways.length === 1 ? ways[0]! : { identifier: { case: 'orIds', value: { ids: ways } } };
}

const both = (issuer: StringInit, subject: StringInit): PrincipalInit => ({
  identifier: { case: 'andIds', value: { ids: [text('iss', issuer), text('sub', subject)] } },
});
