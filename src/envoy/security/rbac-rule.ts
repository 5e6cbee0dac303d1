// One AuthorizationPolicy rule → one RBAC policy: permissions from `to`, principals from `from`, either from `when`.
import type { PermissionSchema, PolicySchema, PrincipalSchema } from '../../gen/envoy/config/rbac/v3/rbac_pb.js';
import { UriTemplateMatchConfigSchema } from '../../gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js';
import type {
  AuthorizationCondition,
  AuthorizationOperation,
  AuthorizationRule,
  AuthorizationSource,
} from '../../model/security.ts';
import { type Init, typedExtension } from '../any.ts';
import { claim, requestPrincipal } from './jwt-metadata.ts';
import { cidrRange, globRegex, isHeaderName, regexMatch, stringMatch, stringOrListValue } from './strings.ts';

type PermissionInit = Init<typeof PermissionSchema>;
type PrincipalInit = Init<typeof PrincipalSchema>;

export interface RuleOptions {
  /** Namespace of the policy: service accounts without one are in it. */
  readonly namespace: string;
  /** Opaque connections have no requests: what only requests have is left out, or makes an ALLOW rule match nothing. */
  readonly forTcp: boolean;
  /** An ALLOW rule must not become wider by leaving something out; other rules must not become narrower. */
  readonly dropIfPartial: boolean;
  /** What a rule matches that says something nobody understands: half of it would allow too much, or refuse too little. */
  readonly faultMatches: 'nothing' | 'everything';
}

/** Undefined when the rule cannot match (see `RuleOptions`). */
export function rbacPolicy(rule: AuthorizationRule, options: RuleOptions): Init<typeof PolicySchema> | undefined {
  const conditions = rule.when.map((condition) => conditionParts(condition, options.namespace));
  const sources = rule.from.map((source) => sourceParts(source, options.namespace));
  const operations = rule.to.map((operation) => operationParts(operation));
  const all = [...conditions, ...sources, ...operations].flat();
  if (options.forTcp && options.dropIfPartial && all.some(({ httpOnly }) => httpOnly)) return undefined;
  if (all.some(({ faulty }) => faulty)) {
    return options.faultMatches === 'nothing' ? undefined : { permissions: [allRules([])], principals: [allIds([])] };
  }
  const usable = (parts: readonly Part[]) => parts.filter(({ httpOnly }) => !(options.forTcp && httpOnly));
  const whenPermissions = usable(conditions.flat()).flatMap(permissionsOf);
  const whenPrincipals = usable(conditions.flat()).flatMap(principalsOf);
  return {
    permissions: (operations.length > 0 ? operations : [[]]).map((parts) =>
      allRules([...usable(parts).flatMap(permissionsOf), ...whenPermissions]),
    ),
    principals: (sources.length > 0 ? sources : [[]]).map((parts) =>
      allIds([...usable(parts).flatMap(principalsOf), ...whenPrincipals]),
    ),
  };
}

/** One field of a rule: any of `values`, and none of `notValues`. */
type Part = {
  readonly httpOnly: boolean;
  /** Something in it cannot be understood. */
  readonly faulty: boolean;
} & (
  | { readonly kind: 'permission'; readonly any: readonly PermissionInit[]; readonly none: readonly PermissionInit[] }
  | { readonly kind: 'principal'; readonly any: readonly PrincipalInit[]; readonly none: readonly PrincipalInit[] }
);

function permissionsOf(part: Part): PermissionInit[] {
  if (part.kind !== 'permission') return [];
  const result: PermissionInit[] = [];
  if (part.any.length > 0) result.push({ rule: { case: 'orRules', value: { rules: [...part.any] } } });
  if (part.none.length > 0) {
    const value: PermissionInit = { rule: { case: 'orRules', value: { rules: [...part.none] } } };
    result.push({ rule: { case: 'notRule', value } });
  }
  return result;
}

function principalsOf(part: Part): PrincipalInit[] {
  if (part.kind !== 'principal') return [];
  const result: PrincipalInit[] = [];
  if (part.any.length > 0) result.push({ identifier: { case: 'orIds', value: { ids: [...part.any] } } });
  if (part.none.length > 0) {
    const value: PrincipalInit = { identifier: { case: 'orIds', value: { ids: [...part.none] } } };
    result.push({ identifier: { case: 'notId', value } });
  }
  return result;
}

const allRules = (rules: readonly PermissionInit[]): PermissionInit => ({
  rule: {
    case: 'andRules',
    value: { rules: rules.length > 0 ? [...rules] : [{ rule: { case: 'any', value: true } }] },
  },
});

const allIds = (ids: readonly PrincipalInit[]): PrincipalInit => ({
  identifier: {
    case: 'andIds',
    value: { ids: ids.length > 0 ? [...ids] : [{ identifier: { case: 'any', value: true } }] },
  },
});

interface Values {
  readonly any: readonly string[];
  readonly none: readonly string[];
  readonly httpOnly?: boolean;
}

const permission = (values: Values, of: (value: string) => PermissionInit | undefined): Part[] => {
  const { any, none, ...more } = compiled(values, of);
  return any.length + none.length > 0 || more.faulty ? [{ kind: 'permission', any, none, ...more }] : [];
};

const principal = (values: Values, of: (value: string) => PrincipalInit | undefined): Part[] => {
  const { any, none, ...more } = compiled(values, of);
  return any.length + none.length > 0 || more.faulty ? [{ kind: 'principal', any, none, ...more }] : [];
};

/** Empty values and those that `of` cannot understand are faults. */
function compiled<T>({ any, none, httpOnly = false }: Values, of: (value: string) => T | undefined) {
  const usable = (values: readonly string[]) => values.flatMap((value) => (value === '' ? [] : (of(value) ?? [])));
  const result = { any: usable(any), none: usable(none), httpOnly };
  return { ...result, faulty: result.any.length < any.length || result.none.length < none.length };
}

function sourceParts(source: AuthorizationSource, namespace: string): Part[] {
  return [
    ...principal({ any: source.principals, none: source.notPrincipals }, peer),
    ...principal(
      { any: source.requestPrincipals, none: source.notRequestPrincipals, httpOnly: true },
      requestPrincipal,
    ),
    ...principal({ any: source.namespaces, none: source.notNamespaces }, peerNamespace),
    ...principal({ any: source.serviceAccounts, none: source.notServiceAccounts }, peerServiceAccount(namespace)),
    ...principal({ any: source.trustDomains, none: source.notTrustDomains }, peerTrustDomain),
    ...principal({ any: source.remoteIpBlocks, none: source.notRemoteIpBlocks }, address('remoteIp')),
    ...principal({ any: source.ipBlocks, none: source.notIpBlocks }, address('directRemoteIp')),
  ];
}

function operationParts(operation: AuthorizationOperation): Part[] {
  return [
    ...permission({ any: operation.hosts, none: operation.notHosts, httpOnly: true }, (value) =>
      header(':authority', value, true),
    ),
    ...permission({ any: operation.methods, none: operation.notMethods, httpOnly: true }, (value) =>
      header(':method', value, false),
    ),
    ...permission({ any: operation.paths, none: operation.notPaths, httpOnly: true }, path),
    ...permission({ any: operation.ports, none: operation.notPorts }, port),
  ];
}

/** Keys that the API does not know are faults. */
function conditionParts({ key, values, notValues }: AuthorizationCondition, namespace: string): Part[] {
  const tcp = { any: values, none: notValues };
  const http = { ...tcp, httpOnly: true };
  switch (key) {
    case 'source.ip':
      return principal(tcp, address('directRemoteIp'));
    case 'remote.ip':
      return principal(tcp, address('remoteIp'));
    case 'source.namespace':
      return principal(tcp, peerNamespace);
    case 'source.serviceAccount':
      return principal(tcp, peerServiceAccount(namespace));
    case 'source.principal':
      return principal(tcp, peer);
    case 'request.auth.principal':
      return principal(http, requestPrincipal);
    case 'request.auth.audiences':
      return principal(http, (value) => claim(['aud'], value));
    case 'request.auth.presenter':
      return principal(http, (value) => claim(['azp'], value));
    case 'destination.ip':
      return permission(tcp, (value) => {
        const range = cidrRange(value);
        return range && { rule: { case: 'destinationIp', value: range } };
      });
    case 'destination.port':
      return permission(tcp, port);
    case 'connection.sni':
      return permission(tcp, (value) => ({ rule: { case: 'requestedServerName', value: stringMatch(value) } }));
  }
  const headerName = bracketed(key, 'request.headers');
  if (headerName) {
    const [name = ''] = headerName;
    return principal(http, (value) =>
      isHeaderName(name) ? { identifier: { case: 'header', value: headerMatch(name, value, false) } } : undefined,
    );
  }
  const claims = bracketed(key, 'request.auth.claims');
  if (claims) return principal(http, (value) => (claims.includes('') ? undefined : claim(claims, value)));
  if (key.startsWith('experimental.')) return permission(tcp, (value) => filterMetadata(key, value));
  return permission({ any: ['?'], none: [] }, () => undefined);
}

/** `prefix[a][b]` → [a, b]. */
function bracketed(key: string, prefix: string): string[] | undefined {
  if (!key.startsWith(`${prefix}[`) || !key.endsWith(']')) return undefined;
  return key.slice(prefix.length + 1, -1).split('][');
}

/** `experimental.envoy.filters.a.b[c]`: dynamic metadata `c` of filter `envoy.filters.a.b`; `[x]` asks for x in a list. */
function filterMetadata(key: string, value: string): PermissionInit | undefined {
  const open = key.indexOf('[');
  const filter = key.slice('experimental.'.length, open < 0 ? undefined : open);
  const path = bracketed(key.slice(Math.max(open, 0)), '') ?? [];
  if (filter === '' || path.length === 0 || path.includes('')) return undefined;
  const inList = value.startsWith('[') && value.endsWith(']');
  const matcher = stringMatch(inList ? value.slice(1, -1) : value);
  return {
    rule: {
      case: 'metadata',
      value: {
        filter,
        path: path.map((name) => ({ segment: { case: 'key' as const, value: name } })),
        value: inList ? stringOrListValue(matcher) : { matchPattern: { case: 'stringMatch', value: matcher } },
      },
    },
  };
}

const authenticated = (principalName: ReturnType<typeof stringMatch>): PrincipalInit => ({
  identifier: { case: 'authenticated', value: { principalName } },
});

const peer = (value: string): PrincipalInit => authenticated(stringMatch(value, { prefix: 'spiffe://' }));

const peerNamespace = (value: string): PrincipalInit => authenticated(regexMatch(`.*/ns/${globRegex(value)}/.*`));

/** `name` (in the policy's namespace) or `namespace/name`. */
const peerServiceAccount =
  (own: string) =>
  (value: string): PrincipalInit => {
    const slash = value.indexOf('/');
    const namespace = slash < 0 ? own : value.slice(0, slash);
    const [inNamespace, name] = [namespace, value.slice(slash + 1)].map((part) => globRegex(part, '[^/]*'));
    return authenticated(regexMatch(`spiffe://.+/ns/${inNamespace}/sa/${name}`));
  };

const peerTrustDomain = (value: string): PrincipalInit =>
  authenticated(
    value.includes('*')
      ? regexMatch(`spiffe://${globRegex(value, '[^/]*')}/.*`)
      : { matchPattern: { case: 'prefix', value: `spiffe://${value}/` } },
  );

const address =
  (kind: 'remoteIp' | 'directRemoteIp') =>
  (value: string): PrincipalInit | undefined => {
    const range = cidrRange(value);
    return range && { identifier: { case: kind, value: range } };
  };

function port(value: string): PermissionInit | undefined {
  const number = /^\d+$/.test(value) ? Number(value) : 0;
  return number > 0 && number < 65536 ? { rule: { case: 'destinationPort', value: number } } : undefined;
}

function headerMatch(name: string, value: string, ignoreCase: boolean) {
  return {
    name,
    headerMatchSpecifier:
      value === '*'
        ? { case: 'presentMatch' as const, value: true }
        : { case: 'stringMatch' as const, value: stringMatch(value, { ignoreCase }) },
  };
}

const header = (name: string, value: string, ignoreCase: boolean): PermissionInit => ({
  rule: { case: 'header', value: headerMatch(name, value, ignoreCase) },
});

/** Paths compare without the query; `{*}` stands for one segment and `{**}` for any number of them. */
function path(value: string): PermissionInit | undefined {
  if (value.includes('{*}') || value.includes('{**}')) {
    if (!isTemplate(value)) return undefined;
    const pathTemplate = value.replaceAll('{**}', '**').replaceAll('{*}', '*');
    return {
      rule: {
        case: 'uriTemplate',
        value: typedExtension('uri-template', UriTemplateMatchConfigSchema, { pathTemplate }),
      },
    };
  }
  return { rule: { case: 'urlPath', value: { rule: { case: 'path', value: stringMatch(value) } } } };
}

/** Segments are text, `{*}` or `{**}`, and nothing variable comes after `{**}`: what Envoy's templates can say. */
function isTemplate(value: string): boolean {
  const segments = value.split('/').slice(1);
  const rest = segments.indexOf('{**}');
  const variable = (segment: string) => segment === '{*}' || segment === '{**}';
  if (!value.startsWith('/') || (rest >= 0 && segments.slice(rest + 1).some(variable))) return false;
  return segments.every((segment) => variable(segment) || /^[A-Za-z0-9\-._~%!$&'()+,;:@]*$/.test(segment));
}
