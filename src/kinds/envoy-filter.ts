// Istio EnvoyFilter.
import { type EnvoyFilter, EnvoyFilterSchema } from '../gen/networking/v1alpha3/envoy_filter_pb.js';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type EnvoyFilterConfig = Config<EnvoyFilter>;

export const envoyFilterKind = istioKind({
  id: 'envoyFilter',
  group: 'networking.istio.io',
  versions: ['v1alpha3'],
  kind: 'EnvoyFilter',
  plural: 'envoyfilters',
  schema: EnvoyFilterSchema,
  check: () => [],
});
