// Services that security filters ask: external authorizers of MeshConfig and the hosts of JWKS URIs.

import { StatusCode } from '../../gen/envoy/type/v3/http_status_pb.js';
import type { MeshConfig_ExtensionProvider as Provider } from '../../gen/mesh/v1alpha1/config_pb.js';
import { milliseconds } from '../../ingest/duration.ts';
import type { ExtAuthzProvider } from './ext-authz.ts';

/** Providers by name; those that are not authorizers are left out. */
export function extAuthzProviders(providers: readonly Provider[]): Readonly<Record<string, ExtAuthzProvider>> {
  return Object.fromEntries(providers.flatMap((entry) => authorizer(entry) ?? []).map((one) => [one.name, one]));
}

const NO_TIMEOUT_SET_MS = 600_000;

function authorizer({ name, provider }: Provider): ExtAuthzProvider | undefined {
  if (provider.case !== 'envoyExtAuthzGrpc' && provider.case !== 'envoyExtAuthzHttp') return undefined;
  const { value } = provider;
  const host = value.service.slice(value.service.indexOf('/') + 1);
  const body = value.includeRequestBodyInCheck;
  const common = {
    name,
    host,
    cluster: `outbound|${value.port}||${host}`,
    timeoutMs: milliseconds(value.timeout) ?? NO_TIMEOUT_SET_MS,
    failOpen: value.failOpen,
    clearRouteCache: value.clearRouteCache,
    statusOnError: StatusCode[Number(value.statusOnError)] === undefined ? 403 : Number(value.statusOnError) || 403,
    ...(body &&
      body.maxRequestBytes > 0 && {
        body: { maxBytes: body.maxRequestBytes, allowPartial: body.allowPartialMessage, asBytes: body.packAsBytes },
      }),
  };
  if (provider.case === 'envoyExtAuthzGrpc') return { ...common, kind: 'grpc', ...NO_HTTP };
  const http = provider.value;
  return {
    ...common,
    kind: 'http',
    pathPrefix: http.pathPrefix,
    requestHeaders: [...http.includeHeadersInCheck, ...http.includeRequestHeadersInCheck],
    additionalHeaders: http.includeAdditionalHeadersInCheck,
    toUpstreamOnAllow: http.headersToUpstreamOnAllow,
    toDownstreamOnAllow: http.headersToDownstreamOnAllow,
    toDownstreamOnDeny: http.headersToDownstreamOnDeny,
  };
}

const NO_HTTP = {
  pathPrefix: '',
  requestHeaders: [],
  additionalHeaders: {},
  toUpstreamOnAllow: [],
  toDownstreamOnAllow: [],
  toDownstreamOnDeny: [],
} as const;

/**
 * Cluster by which a proxy reaches a URI; undefined when the mesh does not know its host, or when the URI asks for TLS that
 * nothing says how to originate.
 */
export function uriCluster(uri: string, knows: (host: string) => boolean): string | undefined {
  if (!URL.canParse(uri)) return undefined;
  const { hostname, port, protocol } = new URL(uri);
  return protocol === 'http:' && knows(hostname) ? `outbound|${port || 80}||${hostname}` : undefined;
}
