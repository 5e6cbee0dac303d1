// RequestAuthentication objects → policies of the model.
import type { JWTRule } from '../gen/security/v1beta1/request_authentication_pb.js';
import type { Family, Graph } from '../graph/graph.ts';
import { refOf } from '../kinds/object.ts';
import type { JwtRule, RequestAuthentication } from '../model/security.ts';
import { milliseconds } from './duration.ts';
import type { ByNamespace, MeshInputs } from './inputs.ts';

/**
 * URIs of key sets that rules name, sorted; key ''. A rule with neither keys nor a URI means those that its issuer publishes
 * (OpenID Connect discovery): `discoveryUri`.
 */
export function defineJwksUris(graph: Graph, inputs: MeshInputs): Family<string, readonly string[]> {
  const byUri = graph.index(inputs.requestAuthentication, 'requestAuthenticationsWithUri', ({ spec }) =>
    spec.jwtRules.some(({ jwks }) => jwks === '') ? [''] : [],
  );
  return graph.derived('jwksUris', (_: string, read) => {
    const rules = read(byUri, '').flatMap((key) => read(inputs.requestAuthentication, key)?.spec.jwtRules ?? []);
    return [
      ...new Set(rules.filter(({ jwks }) => jwks === '').map((rule) => rule.jwksUri || discoveryUri(rule.issuer))),
    ].sort();
  });
}

/** Where an issuer says where its keys are. */
export const discoveryUri = (issuer: string): string => `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;

/** Policies of a namespace, oldest first. */
export function defineRequestAuthentications(
  graph: Graph,
  inputs: MeshInputs,
  inNamespace: ByNamespace,
): Family<string, readonly RequestAuthentication[]> {
  return graph.derived('requestAuthentications', (namespace: string, read) =>
    read(inNamespace.requestAuthentication, namespace)
      .flatMap((key): RequestAuthentication[] => {
        const config = read(inputs.requestAuthentication, key);
        if (!config) return [];
        const labels = config.spec.selector?.matchLabels ?? {};
        return [
          {
            source: refOf('RequestAuthentication', key),
            created: config.meta.created,
            ...(Object.keys(labels).length > 0 && { selector: labels }),
            rules: config.spec.jwtRules.map(jwtRule),
          },
        ];
      })
      .sort((a, b) => compare(a.created, b.created) || compare(a.source.name, b.source.name)),
  );
}

function jwtRule(rule: JWTRule): JwtRule {
  return {
    issuer: rule.issuer,
    audiences: rule.audiences,
    jwksUri: rule.jwksUri,
    jwks: rule.jwks,
    fromHeaders: rule.fromHeaders.map(({ name, prefix }) => ({ name, prefix })),
    fromParams: rule.fromParams,
    fromCookies: rule.fromCookies,
    outputPayloadToHeader: rule.outputPayloadToHeader,
    outputClaimToHeaders: rule.outputClaimToHeaders.map(({ header, claim }) => ({ header, claim })),
    spaceDelimitedClaims: rule.spaceDelimitedClaims,
    forwardOriginalToken: rule.forwardOriginalToken,
    timeoutMs: milliseconds(rule.timeout) ?? 0,
  };
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
