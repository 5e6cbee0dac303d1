// Route table of one inbound chain: everything goes to the workload, without a timeout of our own.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RouteConfigurationSchema } from '../../gen/envoy/config/route/v3/route_pb.js';
import type { InboundPort } from '../../view/inbound.ts';
import { duration } from '../any.ts';
import { PEER_HEADER } from '../telemetry/peer.ts';

export interface InboundRouteOptions {
  /** Absent for ports that no service knows. */
  readonly served: InboundPort | undefined;
  /** Callers come with a certificate of the mesh; what others say of themselves is taken away unread. */
  readonly provesCaller: boolean;
}

export function inboundRoutes(
  cluster: string,
  { served, provesCaller }: InboundRouteOptions,
): MessageInitShape<typeof RouteConfigurationSchema> {
  const service = served?.services[0];
  return {
    name: cluster,
    validateClusters: false,
    virtualHosts: [
      {
        name: service ? `inbound|http|${service.port}` : 'inbound|http|0',
        domains: ['*'],
        ...(!provesCaller && { requestHeadersToRemove: [PEER_HEADER] }),
        routes: [
          {
            name: 'default',
            match: { pathSpecifier: { case: 'prefix', value: '/' } },
            decorator: { operation: service ? `${service.host}:${service.port}/*` : `${cluster}/*` },
            action: {
              case: 'route',
              value: {
                clusterSpecifier: { case: 'cluster', value: cluster },
                // How long a request may take is the caller's decision.
                timeout: duration(0),
                maxStreamDuration: { maxStreamDuration: duration(0), grpcTimeoutHeaderMax: duration(0) },
                // A kept-alive connection that the workload closed just now is no reason to fail.
                retryPolicy: { retryOn: 'reset-before-request', numRetries: 2 },
              },
            },
          },
        ],
      },
    ],
  };
}
