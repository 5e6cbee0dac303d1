// Istio ServiceEntry.
import { type ServiceEntry, ServiceEntrySchema } from '../gen/networking/v1alpha3/service_entry_pb.js';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type ServiceEntryConfig = Config<ServiceEntry>;

export const serviceEntryKind = istioKind({
  id: 'serviceEntry',
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'ServiceEntry',
  plural: 'serviceentries',
  schema: ServiceEntrySchema,
  check: () => [],
});
