// Who may talk to a workload and how.
import type { StringMatch } from './match.ts';
import type { ObjectRef } from './service.ts';

export type MutualTls = 'unset' | 'disable' | 'permissive' | 'strict';

export interface PeerAuthentication {
  readonly source: ObjectRef;
  readonly created: string;
  /** undefined: the whole namespace (or mesh, in the root namespace). */
  readonly selector?: Readonly<Record<string, string>>;
  readonly mode: MutualTls;
  readonly ports: Readonly<Record<number, MutualTls>>;
}

export interface AuthorizationSource {
  readonly principals: readonly string[];
  readonly notPrincipals: readonly string[];
  readonly requestPrincipals: readonly string[];
  readonly notRequestPrincipals: readonly string[];
  readonly namespaces: readonly string[];
  readonly notNamespaces: readonly string[];
  readonly serviceAccounts: readonly string[];
  readonly notServiceAccounts: readonly string[];
  readonly trustDomains: readonly string[];
  readonly notTrustDomains: readonly string[];
  readonly ipBlocks: readonly string[];
  readonly notIpBlocks: readonly string[];
  readonly remoteIpBlocks: readonly string[];
  readonly notRemoteIpBlocks: readonly string[];
}

export interface AuthorizationOperation {
  readonly hosts: readonly string[];
  readonly notHosts: readonly string[];
  readonly ports: readonly string[];
  readonly notPorts: readonly string[];
  readonly methods: readonly string[];
  readonly notMethods: readonly string[];
  readonly paths: readonly string[];
  readonly notPaths: readonly string[];
}

export interface AuthorizationCondition {
  readonly key: string;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

export interface AuthorizationRule {
  readonly from: readonly AuthorizationSource[];
  readonly to: readonly AuthorizationOperation[];
  readonly when: readonly AuthorizationCondition[];
}

export interface AuthorizationPolicy {
  readonly source: ObjectRef;
  readonly created: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly action: 'allow' | 'deny' | 'audit' | 'custom';
  readonly provider: string;
  /** Decisions are counted and logged, not enforced (annotation `istio.io/dry-run`). */
  readonly dryRun: boolean;
  /** [] matches nothing (so an allow policy with no rules denies all). */
  readonly rules: readonly AuthorizationRule[];
}

export interface JwtRule {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly jwksUri: string;
  readonly jwks: string;
  readonly fromHeaders: readonly { readonly name: string; readonly prefix: string }[];
  readonly fromParams: readonly string[];
  readonly fromCookies: readonly string[];
  readonly outputPayloadToHeader: string;
  readonly outputClaimToHeaders: readonly { readonly header: string; readonly claim: string }[];
  /** Claims that hold several values separated by spaces, besides `scope` and `permission`. */
  readonly spaceDelimitedClaims: readonly string[];
  readonly forwardOriginalToken: boolean;
  readonly timeoutMs: number;
}

export interface RequestAuthentication {
  readonly source: ObjectRef;
  readonly created: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly rules: readonly JwtRule[];
}

export type { StringMatch };
