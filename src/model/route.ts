// Routing rules (VirtualService and, later, Gateway API routes), free of the spelling of either API.
import type { StringMatch } from './match.ts';
import type { ObjectRef, Visibility } from './service.ts';

export interface Destination {
  /** Fully qualified host. */
  readonly host: string;
  readonly subset: string;
  /** 0 when unset: the service's only port, else the port that the caller used. */
  readonly port: number;
}

export interface WeightedDestination {
  readonly destination: Destination;
  readonly weight: number;
  readonly headers: HeaderOperations;
}

export interface HeaderChange {
  readonly set: Readonly<Record<string, string>>;
  readonly add: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

export interface HeaderOperations {
  readonly request: HeaderChange;
  readonly response: HeaderChange;
}

export interface HttpMatch {
  readonly name: string;
  readonly uri?: StringMatch;
  readonly scheme?: StringMatch;
  readonly method?: StringMatch;
  readonly authority?: StringMatch;
  readonly headers: Readonly<Record<string, StringMatch>>;
  readonly withoutHeaders: Readonly<Record<string, StringMatch>>;
  readonly queryParams: Readonly<Record<string, StringMatch>>;
  /** Destination port; 0 means any. */
  readonly port: number;
  readonly sourceLabels: Readonly<Record<string, string>>;
  readonly sourceNamespace: string;
  /** Resolved gateway names (`namespace/name` or `mesh`); [] inherits the rule set's. */
  readonly gateways: readonly string[];
  readonly ignoreUriCase: boolean;
  readonly statPrefix: string;
}

export interface Retry {
  readonly attempts: number;
  readonly perTryTimeoutMs: number;
  /** Envoy's comma-separated conditions, '' for the mesh default. */
  readonly retryOn: string;
  readonly backoffMs: number;
  readonly retryRemoteLocalities: boolean | undefined;
  readonly retryIgnorePreviousHosts: boolean | undefined;
}

export interface Fault {
  readonly delay?: { readonly percent: number; readonly fixedDelayMs: number };
  readonly abort?: { readonly percent: number; readonly httpStatus: number; readonly grpcStatus: string };
}

export interface Cors {
  readonly allowOrigins: readonly StringMatch[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSeconds: number | undefined;
  readonly allowCredentials: boolean | undefined;
  readonly unmatchedPreflights: 'forward' | 'ignore' | '';
}

export interface Mirror {
  readonly destination: Destination;
  readonly percent: number;
}

export type HttpAction =
  | { readonly kind: 'route'; readonly destinations: readonly WeightedDestination[] }
  | {
      readonly kind: 'redirect';
      readonly uri: string;
      /** Replaces the matched prefix of the path; excludes `uri`. */
      readonly prefixRewrite: string;
      readonly authority: string;
      readonly port: number | 'from-protocol' | 'from-request' | undefined;
      readonly scheme: string;
      readonly code: number;
    }
  | { readonly kind: 'direct'; readonly status: number; readonly body: string | Uint8Array }
  /** The rule's destination cannot be used; requests get `status` and the reason is data, not a missing route. */
  | { readonly kind: 'invalid'; readonly status: number; readonly reason: string };

export interface Rewrite {
  readonly uri: string;
  readonly authority: string;
  readonly uriRegex?: { readonly match: string; readonly rewrite: string };
}

export interface HttpRule {
  readonly name: string;
  /** Any of these; [] matches everything. */
  readonly matches: readonly HttpMatch[];
  readonly action: HttpAction;
  readonly rewrite?: Rewrite;
  /** Undefined: not set (no timeout); 0: explicitly disabled. */
  readonly timeoutMs: number | undefined;
  readonly retries: Retry | undefined;
  readonly fault?: Fault;
  readonly mirrors: readonly Mirror[];
  readonly cors?: Cors;
  readonly headers: HeaderOperations;
}

export interface L4Match {
  /** CIDRs of the destination. */
  readonly destinationSubnets: readonly string[];
  readonly port: number;
  readonly sourceLabels: Readonly<Record<string, string>>;
  readonly sourceNamespace: string;
  readonly gateways: readonly string[];
  /** tls only; [] for tcp. */
  readonly sniHosts: readonly string[];
}

export interface L4Rule {
  readonly matches: readonly L4Match[];
  readonly destinations: readonly WeightedDestination[];
}

/** The rules of one VirtualService (delegates merged in), addressed to a set of hosts on a set of gateways. */
export interface RouteRules {
  readonly source: ObjectRef;
  readonly created: string;
  /** Fully qualified, may have a leading wildcard. */
  readonly hosts: readonly string[];
  /** `namespace/name`, or `mesh` for sidecars. */
  readonly gateways: readonly string[];
  readonly visibility: Visibility;
  readonly http: readonly HttpRule[];
  readonly tls: readonly L4Rule[];
  readonly tcp: readonly L4Rule[];
}
