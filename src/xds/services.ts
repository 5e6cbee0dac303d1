// The discovery services of the xDS API as grpc-js service definitions that pass messages through as bytes.
import type { ServiceDefinition } from '@grpc/grpc-js';
import { TYPE_URL } from '../envoy/resource.ts';
import type { Protocol } from './body.ts';

export interface DiscoveryMethod {
  readonly service: string;
  readonly method: string;
  readonly protocol: Protocol;
  /** Undefined for the aggregated service. */
  readonly typeUrl: string | undefined;
}

const method = (service: string, name: string, typeUrl?: string): DiscoveryMethod => ({
  service: `envoy.service.${service}`,
  method: name,
  protocol: name.startsWith('Delta') ? 'delta' : 'sotw',
  typeUrl,
});

const ADS = 'discovery.v3.AggregatedDiscoveryService';
const CDS = 'cluster.v3.ClusterDiscoveryService';
const EDS = 'endpoint.v3.EndpointDiscoveryService';
const LDS = 'listener.v3.ListenerDiscoveryService';
const RDS = 'route.v3.RouteDiscoveryService';
const VHDS = 'route.v3.VirtualHostDiscoveryService';
const SDS = 'secret.v3.SecretDiscoveryService';
const ECDS = 'extension.v3.ExtensionConfigDiscoveryService';
const EXTENSION = 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig';

/** Every method that is served. */
export const DISCOVERY_METHODS: readonly DiscoveryMethod[] = [
  method(ADS, 'StreamAggregatedResources'),
  method(ADS, 'DeltaAggregatedResources'),
  method(CDS, 'StreamClusters', TYPE_URL.cluster),
  method(CDS, 'DeltaClusters', TYPE_URL.cluster),
  method(EDS, 'StreamEndpoints', TYPE_URL.endpoints),
  method(EDS, 'DeltaEndpoints', TYPE_URL.endpoints),
  method(LDS, 'StreamListeners', TYPE_URL.listener),
  method(LDS, 'DeltaListeners', TYPE_URL.listener),
  method(RDS, 'StreamRoutes', TYPE_URL.route),
  method(RDS, 'DeltaRoutes', TYPE_URL.route),
  method(VHDS, 'DeltaVirtualHosts', TYPE_URL.virtualHost),
  method(SDS, 'StreamSecrets', TYPE_URL.secret),
  method(SDS, 'DeltaSecrets', TYPE_URL.secret),
  method(ECDS, 'StreamExtensionConfigs', EXTENSION),
  method(ECDS, 'DeltaExtensionConfigs', EXTENSION),
];

const pass = (message: Buffer): Buffer => message;

/** Service definitions by service name. */
export function discoveryServices(): Map<string, ServiceDefinition> {
  const services = new Map<string, ServiceDefinition>();
  for (const { service, method: name } of DISCOVERY_METHODS) {
    const definition = services.get(service) ?? {};
    services.set(service, {
      ...definition,
      [name]: {
        path: `/${service}/${name}`,
        requestStream: true,
        responseStream: true,
        requestSerialize: pass,
        requestDeserialize: pass,
        responseSerialize: pass,
        responseDeserialize: pass,
      },
    });
  }
  return services;
}
