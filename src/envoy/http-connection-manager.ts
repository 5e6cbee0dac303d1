// The HTTP connection manager of every listener: sidecars outbound and inbound, and gateways.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { AccessLog } from '../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { type Filter, FilterSchema } from '../gen/envoy/config/listener/v3/listener_components_pb.js';
import type { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js';
import { CorsSchema } from '../gen/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { HTTPFaultSchema } from '../gen/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { GrpcWebSchema } from '../gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js';
import { RouterSchema } from '../gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import {
  HttpConnectionManager_CodecType as CodecType,
  HttpConnectionManager_ForwardClientCertDetails as ForwardClientCert,
  type HttpFilterSchema,
  HttpConnectionManagerSchema as Schema,
} from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { duration, extension } from './any.ts';
import { adsSource } from './sds.ts';
import { sayWhoCalls } from './telemetry/peer.ts';

export type HttpFilterInit = MessageInitShape<typeof HttpFilterSchema>;

export interface HttpConnectionManagerOptions {
  readonly role: 'outbound' | 'inbound' | 'gateway';
  /** Names the statistics: `outbound_0.0.0.0_80`, `inbound_0.0.0.0_8080`. */
  readonly statPrefix: string;
  readonly routes:
    | { readonly kind: 'rds'; readonly name: string }
    | { readonly kind: 'inline'; readonly table: MessageInitShape<typeof RouteConfigurationSchema> };
  /** Put before the filters that every listener has: authentication, authorization, extensions. */
  readonly filters?: readonly HttpFilterInit[];
  readonly accessLog: readonly AccessLog[];
  /** The port's protocol is grpc-web: browsers' requests are translated to gRPC. */
  readonly grpcWeb?: boolean;
  /** Proxies in front of a gateway whose X-Forwarded-For entries are trusted. */
  readonly trustedHops?: number;
  /** What a gateway does with a client's X-Forwarded-Client-Cert; SANITIZE_SET unless the gateway's topology says otherwise. */
  readonly forwardClientCert?: ForwardClientCert;
  /** `http` terminates plaintext, `https` TLS; gateways need it for redirects and X-Forwarded-Proto. */
  readonly terminatesTls?: boolean;
}

/** The network filter, ready for a filter chain. Defaults are Istio's where Istio has one. */
export function httpConnectionManager(options: HttpConnectionManagerOptions): Filter {
  return create(
    FilterSchema,
    extension('envoy.filters.network.http_connection_manager', Schema, {
      codecType: CodecType.AUTO,
      statPrefix: options.statPrefix,
      routeSpecifier:
        options.routes.kind === 'rds'
          ? { case: 'rds', value: { routeConfigName: options.routes.name, configSource: adsSource } }
          : { case: 'routeConfig', value: options.routes.table },
      httpFilters: [...(options.filters ?? []), ...standardFilters(options)],
      accessLog: [...options.accessLog],
      serverName: 'istio-envoy',
      // Streams may be idle for as long as the application likes; requests are bounded by route timeouts.
      streamIdleTimeout: duration(0),
      generateRequestId: true,
      normalizePath: true,
      upgradeConfigs: [{ upgradeType: 'websocket' }],
      httpProtocolOptions: { acceptHttp10: false },
      ...roleFields(options),
    }),
  );
}

function roleFields(options: HttpConnectionManagerOptions) {
  switch (options.role) {
    case 'outbound':
      // The application is not trusted to speak for others: its X-Forwarded-Client-Cert is dropped (Envoy's default).
      return { useRemoteAddress: false };
    case 'inbound':
      return {
        useRemoteAddress: false,
        forwardClientCertDetails: ForwardClientCert.APPEND_FORWARD,
        setCurrentClientCertDetails: { subject: true, dns: true, uri: true },
      };
    case 'gateway':
      return {
        useRemoteAddress: true,
        xffNumTrustedHops: options.trustedHops ?? 0,
        forwardClientCertDetails: options.forwardClientCert ?? ForwardClientCert.SANITIZE_SET,
        setCurrentClientCertDetails: { subject: true, cert: true, dns: true, uri: true },
      };
  }
}

/** Cors and fault do nothing until a route configures them; they must be present for that. */
function standardFilters(options: HttpConnectionManagerOptions): HttpFilterInit[] {
  return [
    ...(options.grpcWeb ? [extension('envoy.filters.http.grpc_web', GrpcWebSchema, {})] : []),
    extension('envoy.filters.http.fault', HTTPFaultSchema, {}),
    extension('envoy.filters.http.cors', CorsSchema, {}),
    ...(options.role === 'inbound' ? [] : [sayWhoCalls()]),
    extension('envoy.filters.http.router', RouterSchema, {}),
  ];
}
