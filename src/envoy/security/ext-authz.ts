// The filter that asks an external authorizer (AuthorizationPolicy CUSTOM), for requests and for opaque connections.
import type { HeaderValueSchema } from '../../gen/envoy/config/core/v3/base_pb.js';
import { ApiVersion } from '../../gen/envoy/config/core/v3/config_source_pb.js';
import type { FilterSchema } from '../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { ExtAuthzSchema as HttpSchema } from '../../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import { ExtAuthzSchema as TcpSchema } from '../../gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js';
import type { MetadataMatcherSchema } from '../../gen/envoy/type/matcher/v3/metadata_pb.js';
import type { ListStringMatcherSchema } from '../../gen/envoy/type/matcher/v3/string_pb.js';
import type { StatusCode } from '../../gen/envoy/type/v3/http_status_pb.js';
import { duration, extension, type Init } from '../any.ts';
import type { HttpFilterInit } from '../http-connection-manager.ts';
import { stringMatch } from './strings.ts';

/** An external authorizer of MeshConfig (`extensionProviders`). */
export interface ExtAuthzProvider {
  readonly name: string;
  readonly kind: 'grpc' | 'http';
  /** Host of the service and its cluster. */
  readonly host: string;
  readonly cluster: string;
  readonly timeoutMs: number;
  readonly failOpen: boolean;
  readonly clearRouteCache: boolean;
  /** HTTP status when the authorizer cannot be asked. */
  readonly statusOnError: number;
  readonly body?: { readonly maxBytes: number; readonly allowPartial: boolean; readonly asBytes: boolean };
  /** The rest is for HTTP authorizers. */
  readonly pathPrefix: string;
  readonly requestHeaders: readonly string[];
  readonly additionalHeaders: Readonly<Record<string, string>>;
  readonly toUpstreamOnAllow: readonly string[];
  readonly toDownstreamOnAllow: readonly string[];
  readonly toDownstreamOnDeny: readonly string[];
}

/** Names of the shadow policies that call this provider begin so. */
export const extAuthzPolicyPrefix = (provider: string): string => `istio-ext-authz-${provider}`;

export function extAuthzHttpFilter(provider: ExtAuthzProvider): HttpFilterInit {
  const { body } = provider;
  return extension('envoy.filters.http.ext_authz', HttpSchema, {
    transportApiVersion: ApiVersion.V3,
    failureModeAllow: provider.failOpen,
    clearRouteCache: provider.clearRouteCache,
    statusOnError: { code: provider.statusOnError as StatusCode },
    filterEnabledMetadata: covered('envoy.filters.http.rbac', provider),
    ...(body && {
      withRequestBody: {
        maxRequestBytes: body.maxBytes,
        allowPartialMessage: body.allowPartial,
        packAsBytes: body.asBytes,
      },
    }),
    ...(provider.kind === 'grpc'
      ? { services: { case: 'grpcService' as const, value: grpcService(provider) } }
      : {
          allowedHeaders: patterns(provider.requestHeaders),
          services: { case: 'httpService', value: httpService(provider) },
        }),
  });
}

/** Only gRPC authorizers can decide about connections. */
export function extAuthzTcpFilter(provider: ExtAuthzProvider): Init<typeof FilterSchema> | undefined {
  if (provider.kind !== 'grpc') return undefined;
  return extension('envoy.filters.network.ext_authz', TcpSchema, {
    statPrefix: 'tcp.',
    transportApiVersion: ApiVersion.V3,
    failureModeAllow: provider.failOpen,
    filterEnabledMetadata: covered('envoy.filters.network.rbac', provider),
    grpcService: grpcService(provider),
  });
}

function covered(filter: string, provider: ExtAuthzProvider): Init<typeof MetadataMatcherSchema> {
  return {
    filter,
    path: [{ segment: { case: 'key', value: 'istio_ext_authz_shadow_effective_policy_id' } }],
    value: {
      matchPattern: {
        case: 'stringMatch',
        value: { matchPattern: { case: 'prefix', value: extAuthzPolicyPrefix(provider.name) } },
      },
    },
  };
}

const grpcService = (provider: ExtAuthzProvider) => ({
  timeout: duration(provider.timeoutMs),
  targetSpecifier: {
    case: 'envoyGrpc' as const,
    value: { clusterName: provider.cluster, authority: provider.host },
  },
});

const httpService = (provider: ExtAuthzProvider) => ({
  pathPrefix: provider.pathPrefix,
  serverUri: {
    uri: `http://${provider.host}`,
    timeout: duration(provider.timeoutMs),
    httpUpstreamType: { case: 'cluster' as const, value: provider.cluster },
  },
  authorizationRequest: {
    headersToAdd: Object.entries(provider.additionalHeaders)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]): Init<typeof HeaderValueSchema> => ({ key, value })),
  },
  authorizationResponse: {
    allowedUpstreamHeaders: patterns(provider.toUpstreamOnAllow),
    allowedClientHeaders: patterns(provider.toDownstreamOnDeny),
    allowedClientHeadersOnSuccess: patterns(provider.toDownstreamOnAllow),
  },
});

function patterns(names: readonly string[]): Init<typeof ListStringMatcherSchema> | undefined {
  if (names.length === 0) return undefined;
  return { patterns: names.map((name) => stringMatch(name, { ignoreCase: true })) };
}
