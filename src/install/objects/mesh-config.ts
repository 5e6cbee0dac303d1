// The ConfigMap `istio`: MeshConfig and the mesh's networks.
import { stringify } from 'yaml';
import { type Installation, istiodHost, labelsOf, revisionSuffix } from '../installation.ts';
import { compact, type JsonObject, type Manifest, objectAt, textAt } from '../json.ts';
import { mergeObjects } from '../merge.ts';

/** MeshConfig as the control plane will read it: defaults, then `values.meshConfig`, then `spec.meshConfig`. */
export function meshConfigOf(installation: Installation): JsonObject {
  const { spec, values } = installation;
  const istiod = istiodHost(installation);
  const meshID = textAt(values, 'global.meshID');
  const defaults: JsonObject = {
    defaultConfig: {
      discoveryAddress: `${istiod.name}.${istiod.namespace}.svc:15012`,
      ...(meshID ? { meshId: meshID } : {}),
    },
    defaultProviders: { metrics: ['prometheus'] },
    rootNamespace: istiod.namespace,
    trustDomain: 'cluster.local',
  };
  return compact(mergeObjects(mergeObjects(defaults, objectAt(values, 'meshConfig')), objectAt(spec, 'meshConfig')));
}

/** The trust domain of the mesh. */
export function trustDomainOf(installation: Installation): string {
  return textAt(meshConfigOf(installation), 'trustDomain', 'cluster.local');
}

/** ConfigMap `istio[-revision]` with keys `mesh` and `meshNetworks`. */
export function meshConfigMap(installation: Installation): Manifest {
  const networks = objectAt(installation.values, 'global.meshNetworks');
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: `istio${revisionSuffix(installation)}`,
      namespace: istiodHost(installation).namespace,
      labels: labelsOf(installation, 'Pilot'),
    },
    data: {
      mesh: stringify(meshConfigOf(installation), { sortMapEntries: true, blockQuote: 'literal' }),
      meshNetworks: stringify({ networks }),
    },
  };
}
