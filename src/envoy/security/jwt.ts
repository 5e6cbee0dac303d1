// RequestAuthentication → the filter that verifies tokens and leaves their claims for authorization.
import {
  JwtAuthenticationSchema,
  type JwtProviderSchema,
  type JwtRequirementSchema,
} from '../../gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { discoveryUri } from '../../ingest/request-authentication.ts';
import type { JwtRule } from '../../model/security.ts';
import { duration, extension, type Init } from '../any.ts';
import type { HttpFilterInit } from '../http-connection-manager.ts';
import { usableKeys } from './jwks.ts';
import { JWT_FILTER, JWT_PAYLOAD } from './jwt-metadata.ts';
import { isHeaderName } from './strings.ts';

export interface JwtOptions {
  /** Rules of all policies that hold for the workload, oldest first. */
  readonly rules: readonly JwtRule[];
  /** Key set that was fetched from a URI; undefined when it could not be had yet. */
  readonly keysOf: (uri: string) => string | undefined;
  /** Cluster by which the proxy itself can fetch from a URI: hosts of the mesh, which the control plane may not reach. */
  readonly clusterOf: (uri: string) => string | undefined;
}

/** Undefined without rules. Requests without a token pass: requiring one is AuthorizationPolicy's business. */
export function jwtFilter({ rules, ...sources }: JwtOptions): HttpFilterInit | undefined {
  if (rules.length === 0) return undefined;
  const providers = Object.fromEntries(rules.map((rule, index) => [`origins-${index}`, provider(rule, sources)]));
  return extension(JWT_FILTER, JwtAuthenticationSchema, {
    providers,
    rules: [
      {
        match: { pathSpecifier: { case: 'prefix', value: '/' } },
        requirementType: { case: 'requires', value: requirement(Object.keys(providers)) },
      },
    ],
    bypassCorsPreflight: true,
  });
}

type Requirement = Init<typeof JwtRequirementSchema>;

/** A valid token of any issuer is enough; otherwise every issuer's token must be valid or absent. */
function requirement(names: readonly string[]): Requirement {
  const valid = names.map((name): Requirement => ({ requiresType: { case: 'providerName', value: name } }));
  const validOrAbsent = valid.map((one) => anyOf([one, { requiresType: { case: 'allowMissing', value: {} } }]));
  if (validOrAbsent.length === 1) return validOrAbsent[0]!;
  return anyOf([...valid, { requiresType: { case: 'requiresAll', value: { requirements: validOrAbsent } } }]);
}

const anyOf = (requirements: Requirement[]): Requirement => ({
  requiresType: { case: 'requiresAny', value: { requirements } },
});

type Sources = Omit<JwtOptions, 'rules'>;

function provider(rule: JwtRule, sources: Sources): Init<typeof JwtProviderSchema> {
  return {
    issuer: rule.issuer,
    audiences: rule.audiences.filter(Boolean),
    forward: rule.forwardOriginalToken,
    forwardPayloadHeader: isHeaderName(rule.outputPayloadToHeader) ? rule.outputPayloadToHeader : '',
    fromHeaders: rule.fromHeaders
      .filter(({ name }) => isHeaderName(name))
      .map(({ name, prefix }) => ({ name, valuePrefix: prefix })),
    fromParams: rule.fromParams.filter(Boolean),
    fromCookies: rule.fromCookies.filter(Boolean),
    claimToHeaders: rule.outputClaimToHeaders
      .filter(({ header, claim }) => isHeaderName(header) && claim !== '')
      .map(({ header, claim }) => ({ headerName: header, claimName: claim })),
    payloadInMetadata: JWT_PAYLOAD,
    normalizePayloadInMetadata: { spaceDelimitedClaims: ['scope', 'permission', ...rule.spaceDelimitedClaims] },
    jwksSourceSpecifier: keys(rule, sources),
  };
}

function keys(rule: JwtRule, { keysOf, clusterOf }: Sources): Init<typeof JwtProviderSchema>['jwksSourceSpecifier'] {
  if (rule.jwks) return local(usableKeys(rule.jwks));
  const fetched = keysOf(rule.jwksUri || discoveryUri(rule.issuer));
  if (fetched !== undefined) return local(usableKeys(fetched));
  const cluster = rule.jwksUri ? clusterOf(rule.jwksUri) : undefined;
  if (cluster === undefined) return local(usableKeys(undefined));
  return {
    case: 'remoteJwks',
    value: {
      httpUri: {
        uri: rule.jwksUri,
        timeout: duration(rule.timeoutMs || 5000),
        httpUpstreamType: { case: 'cluster', value: cluster },
      },
      cacheDuration: duration(20 * 60_000),
      // Fetched before the first request needs it, without holding the listener back.
      asyncFetch: { fastListener: true },
    },
  };
}

const local = (jwks: string): Init<typeof JwtProviderSchema>['jwksSourceSpecifier'] => ({
  case: 'localJwks',
  value: { specifier: { case: 'inlineString', value: jwks } },
});
