// Istio Sidecar.
import { type Sidecar, SidecarSchema } from '../gen/networking/v1alpha3/sidecar_pb.js';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type SidecarConfig = Config<Sidecar>;

export const sidecarKind = istioKind({
  id: 'sidecar',
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'Sidecar',
  plural: 'sidecars',
  schema: SidecarSchema,
  check: () => [],
});
