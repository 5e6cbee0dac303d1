// Istio Telemetry.
import { type Telemetry, TelemetrySchema } from '../gen/telemetry/v1alpha1/telemetry_pb.js';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type TelemetryConfig = Config<Telemetry>;

export const telemetryKind = istioKind({
  id: 'telemetry',
  group: 'telemetry.istio.io',
  versions: ['v1', 'v1alpha1'],
  kind: 'Telemetry',
  plural: 'telemetries',
  schema: TelemetrySchema,
  check: () => [],
});
