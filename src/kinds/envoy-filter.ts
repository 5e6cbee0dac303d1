// Istio EnvoyFilter.
import {
  EnvoyFilter_ApplyTo as ApplyTo,
  type EnvoyFilter,
  EnvoyFilterSchema,
  EnvoyFilter_Patch_Operation as Operation,
} from '../gen/networking/v1alpha3/envoy_filter_pb.js';
import { checkSelector, Findings } from './checks.ts';
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
  check(spec) {
    const f = new Findings();
    f.advise(
      false,
      'unused-kind',
      '',
      'EnvoyFilter is checked and kept, but changes no proxy of this mesh; use DestinationRule, VirtualService, Telemetry or a bootstrap override.',
    );
    checkSelector(f, spec.workloadSelector?.labels, 'spec.workloadSelector.labels');
    for (const [i, entry] of spec.configPatches.entries()) {
      const path = `spec.configPatches[${i}]`;
      f.require(
        entry.applyTo !== ApplyTo.INVALID,
        'missing-field',
        `${path}.applyTo`,
        'Say what the patch applies to.',
      );
      const { patch } = entry;
      if (!f.require(patch, 'missing-field', `${path}.patch`, 'Give a patch.') || !patch) continue;
      f.require(
        patch.operation !== Operation.INVALID,
        'missing-field',
        `${path}.patch.operation`,
        'Say what the patch does.',
      );
      if (patch.operation !== Operation.REMOVE) {
        f.require(patch.value, 'missing-field', `${path}.patch.value`, 'Give the value to insert or merge.');
      }
      const { objectTypes: object } = entry.match ?? { objectTypes: { case: undefined } };
      const wanted = objectFor(entry.applyTo);
      f.require(
        !object.case || !wanted || object.case === wanted,
        'conflict',
        `${path}.match.${object.case}`,
        `A patch of this kind is matched by "${wanted}", not by "${object.case}".`,
      );
    }
    return f.problems;
  },
});

function objectFor(applyTo: ApplyTo): 'listener' | 'routeConfiguration' | 'cluster' | undefined {
  switch (applyTo) {
    case ApplyTo.LISTENER:
    case ApplyTo.FILTER_CHAIN:
    case ApplyTo.NETWORK_FILTER:
    case ApplyTo.HTTP_FILTER:
    case ApplyTo.LISTENER_FILTER:
      return 'listener';
    case ApplyTo.ROUTE_CONFIGURATION:
    case ApplyTo.VIRTUAL_HOST:
    case ApplyTo.HTTP_ROUTE:
      return 'routeConfiguration';
    case ApplyTo.CLUSTER:
      return 'cluster';
    default:
      return undefined;
  }
}
