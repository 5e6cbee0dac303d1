// Istio RequestAuthentication.
import {
  type RequestAuthentication,
  RequestAuthenticationSchema,
} from '../gen/security/v1beta1/request_authentication_pb.js';
import { checkDuration, checkSelector, Findings } from './checks.ts';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type RequestAuthenticationConfig = Config<RequestAuthentication>;

export const requestAuthenticationKind = istioKind({
  id: 'requestAuthentication',
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  kind: 'RequestAuthentication',
  plural: 'requestauthentications',
  schema: RequestAuthenticationSchema,
  keepFaulty: true,
  check(spec) {
    const f = new Findings();
    checkSelector(f, spec.selector?.matchLabels, 'spec.selector.matchLabels');
    for (const [i, rule] of spec.jwtRules.entries()) {
      const path = `spec.jwtRules[${i}]`;
      f.require(rule.issuer !== '', 'missing-field', `${path}.issuer`, 'Name the issuer.');
      for (const [j, audience] of rule.audiences.entries()) {
        f.require(audience !== '', 'empty-match', `${path}.audiences[${j}]`, 'An audience is empty.');
      }
      f.require(!(rule.jwks && rule.jwksUri), 'conflict', path, 'Give either jwks or jwksUri.');
      if (rule.jwksUri) {
        f.require(
          /^https?:\/\/[^/]+/.test(rule.jwksUri),
          'bad-url',
          `${path}.jwksUri`,
          `"${rule.jwksUri}" is no http or https URL.`,
        );
      }
      if (rule.jwks)
        f.require(isKeySet(rule.jwks), 'bad-jwks', `${path}.jwks`, 'This is no JSON Web Key Set ({"keys": [...]}).');
      for (const [j, header] of rule.fromHeaders.entries()) {
        f.require(header.name !== '', 'missing-field', `${path}.fromHeaders[${j}].name`, 'Name the header.');
      }
      for (const list of ['fromParams', 'fromCookies'] as const) {
        for (const [j, name] of rule[list].entries()) {
          f.require(name !== '', 'missing-field', `${path}.${list}[${j}]`, 'A name is empty.');
        }
      }
      for (const [j, { header, claim }] of rule.outputClaimToHeaders.entries()) {
        const at = `${path}.outputClaimToHeaders[${j}]`;
        f.require(/^[-A-Za-z0-9_]+$/.test(header), 'bad-header', `${at}.header`, `"${header}" is no header name.`);
        f.require(claim !== '', 'missing-field', `${at}.claim`, 'Name the claim.');
      }
      checkDuration(f, rule.timeout, `${path}.timeout`);
    }
    return f.problems;
  },
});

function isKeySet(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys);
  } catch {
    return false;
  }
}
