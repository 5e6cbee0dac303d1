// Istio DestinationRule.
import { type DestinationRule, DestinationRuleSchema } from '../gen/networking/v1alpha3/destination_rule_pb.js';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type DestinationRuleConfig = Config<DestinationRule>;

export const destinationRuleKind = istioKind({
  id: 'destinationRule',
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'DestinationRule',
  plural: 'destinationrules',
  schema: DestinationRuleSchema,
  check: () => [],
});
