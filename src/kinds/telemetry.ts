// Istio Telemetry.
import {
  MetricsOverrides_TagOverride_Operation as Operation,
  type Telemetry,
  TelemetrySchema,
} from '../gen/telemetry/v1alpha1/telemetry_pb.js';
import { checkDuration, checkSelector, Findings } from './checks.ts';
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
  check(spec) {
    const f = new Findings();
    checkSelector(f, spec.selector?.matchLabels, 'spec.selector.matchLabels');
    for (const [i, tracing] of spec.tracing.entries()) {
      const path = `spec.tracing[${i}]`;
      f.require(tracing.providers.length <= 1, 'conflict', `${path}.providers`, 'Tracing takes one provider at most.');
      const percent = tracing.randomSamplingPercentage ?? 0;
      f.require(
        percent >= 0 && percent <= 100,
        'bad-percent',
        `${path}.randomSamplingPercentage`,
        'Give a percentage from 0 to 100.',
      );
      for (const [name, tag] of Object.entries(tracing.customTags)) {
        f.require(name !== '', 'missing-field', `${path}.customTags`, 'A tag has no name.');
        f.require(tag.type.case, 'missing-field', `${path}.customTags.${name}`, 'Say where the value comes from.');
      }
    }
    f.advise(
      spec.tracing.length <= 1,
      'conflict',
      'spec.tracing',
      'Only the first tracing entry without a match is used.',
    );
    for (const [i, metrics] of spec.metrics.entries()) {
      const path = `spec.metrics[${i}]`;
      checkDuration(f, metrics.reportingInterval, `${path}.reportingInterval`);
      for (const [j, override] of metrics.overrides.entries()) {
        for (const [tag, { operation, value }] of Object.entries(override.tagOverrides)) {
          const at = `${path}.overrides[${j}].tagOverrides.${tag}`;
          if (operation === Operation.REMOVE) f.require(value === '', 'conflict', at, 'A removed tag has no value.');
          else f.require(value !== '', 'missing-field', at, 'Give the tag a value, or use REMOVE.');
        }
      }
    }
    for (const [i, logging] of spec.accessLogging.entries()) {
      for (const [j, provider] of logging.providers.entries()) {
        const path = `spec.accessLogging[${i}].providers[${j}].name`;
        f.require(provider.name !== '', 'missing-field', path, 'Name the provider.');
      }
    }
    return f.problems;
  },
});
