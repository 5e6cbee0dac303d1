// Istio Gateway.
import { type Gateway, GatewaySchema } from '../gen/networking/v1alpha3/gateway_pb.js';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type GatewayConfig = Config<Gateway>;

export const gatewayKind = istioKind({
  id: 'gateway',
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'Gateway',
  plural: 'gateways',
  schema: GatewaySchema,
  check: () => [],
});
