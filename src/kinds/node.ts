// Kubernetes Node: only where it stands.
import type { Locality } from '../model/endpoint.ts';
import { coreKind } from './core-kind.ts';
import { internValue } from './intern.ts';
import { text } from './meta.ts';

export interface NodeValue {
  readonly name: string;
  readonly locality: Locality;
}

export const nodeKind = coreKind<NodeValue>({
  id: 'node',
  group: '',
  versions: ['v1'],
  kind: 'Node',
  plural: 'nodes',
  namespaced: false,
  read(raw) {
    const labels = raw.metadata?.labels ?? {};
    return {
      name: text(raw.metadata?.name),
      locality: internValue({
        region: labels['topology.kubernetes.io/region'] ?? labels['failure-domain.beta.kubernetes.io/region'] ?? '',
        zone: labels['topology.kubernetes.io/zone'] ?? labels['failure-domain.beta.kubernetes.io/zone'] ?? '',
        subzone: labels['topology.istio.io/subzone'] ?? '',
      }),
    };
  },
});
