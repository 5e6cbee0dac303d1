// The ConfigMap `istio`: MeshConfig and the mesh's networks.
import { stringify } from 'yaml';
import { type Installation, istiodHost, labelsOf, revisionSuffix } from '../installation.ts';
import { compact, flagAt, type JsonObject, type Manifest, objectAt, textAt } from '../json.ts';
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
      ...tracing(values),
    },
    ...(hasMetrics(values) ? { defaultProviders: { metrics: ['prometheus'] } } : {}),
    rootNamespace: istiod.namespace,
    trustDomain: 'cluster.local',
  };
  return compact(mergeObjects(mergeObjects(defaults, objectAt(values, 'meshConfig')), objectAt(spec, 'meshConfig')));
}

/** `values.telemetry` switches Istio's standard metrics. */
function hasMetrics(values: JsonObject): boolean {
  return ['telemetry.enabled', 'telemetry.v2.enabled', 'telemetry.v2.prometheus.enabled'].every((path) =>
    flagAt(values, path, true),
  );
}

/** `values.global.proxy.tracer` and `values.global.tracer`, the way before extension providers. */
function tracing(values: JsonObject): JsonObject {
  const tracer = textAt(values, 'global.proxy.tracer', 'none');
  if (tracer === 'none') return {};
  const own = objectAt(values, `global.tracer.${tracer}`);
  const address =
    tracer === 'zipkin' ? `zipkin.${textAt(values, 'global.istioNamespace', 'istio-system')}:9411` : '$(HOST_IP):8126';
  return { tracing: { [tracer]: { ...(tracer === 'lightstep' ? {} : { address }), ...own } } };
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
