// Istio VirtualService.
import { type VirtualService, VirtualServiceSchema } from '../gen/networking/v1alpha3/virtual_service_pb.js';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type VirtualServiceConfig = Config<VirtualService>;

export const virtualServiceKind = istioKind({
  id: 'virtualService',
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'VirtualService',
  plural: 'virtualservices',
  schema: VirtualServiceSchema,
  check: () => [],
});
