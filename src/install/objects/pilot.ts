// Component Pilot: the control plane's Deployment, Service, configuration and webhooks.
import {
  clusterName,
  controlNamespace,
  type Installation,
  imageOf,
  labelsOf,
  logArguments,
  pullPolicy,
  revisionSuffix,
} from '../installation.ts';
import { flagAt, type Json, type JsonObject, listAt, type Manifest, objectAt, textAt } from '../json.ts';
import { injectorConfigMap } from './injector-config.ts';
import { meshConfigMap } from './mesh-config.ts';
import { networkPolicy } from './network-policy.ts';
import { pilotAccess } from './pilot-rbac.ts';
import { replicasOf, scalingObjects } from './scaling.ts';
import { injectionWebhook, validationWebhook } from './webhooks.ts';
import { containerSettings, environment, podSettings, serviceSpec, strategyOf } from './workload.ts';

/** Everything of the control plane, in the order in which it is applied. */
export function pilotObjects(installation: Installation): Manifest[] {
  const { values } = installation;
  const pilot = objectAt(values, 'pilot');
  const k8s = objectAt(installation.spec, 'components.pilot.k8s');
  const metadata = istiodMetadata(installation);
  const tags = listAt(values, 'revisionTags').map(String);
  return [
    ...pilotAccess(installation),
    ...(flagAt(pilot, 'configMap', true) ? [meshConfigMap(installation)] : []),
    ...(flagAt(values, 'global.omitSidecarInjectorConfigMap') ? [] : [injectorConfigMap(installation)]),
    service(installation, pilot, k8s),
    deployment(installation, pilot, k8s),
    ...scalingObjects({
      metadata,
      target: metadata.name,
      k8s,
      values: pilot,
      selector: podSelector(installation),
      budget: flagAt(values, 'global.defaultPodDisruptionBudget.enabled', true),
    }),
    ...(flagAt(values, 'global.networkPolicy.enabled') ? [networkPolicy(installation)] : []),
    injectionWebhook({ installation, component: 'Pilot', path: '/inject' }),
    ...tags.map((tag) => injectionWebhook({ installation, component: 'Pilot', path: '/inject', tag })),
    ...(flagAt(values, 'global.configValidation', true) ? [validationWebhook(installation)] : []),
  ];
}

function istiodMetadata(installation: Installation) {
  // `istio: pilot` is what the default revision is selected by, so no other may carry it.
  const istio = installation.revision ? 'istiod' : 'pilot';
  const labels = labelsOf(installation, 'Pilot', { app: 'istiod', istio, 'app.kubernetes.io/name': 'istiod' });
  return { name: `istiod${revisionSuffix(installation)}`, namespace: controlNamespace(installation), labels };
}

/** As in Istio: the default revision by `istio: pilot`, another one by its name. */
function podSelector(installation: Installation): Record<string, string> {
  return installation.revision
    ? { app: 'istiod', 'istio.io/rev': installation.revision }
    : { app: 'istiod', istio: 'pilot' };
}

function service(installation: Installation, pilot: JsonObject, k8s: JsonObject): Manifest {
  const port = (name: string, number: number, targetPort?: number): JsonObject => ({
    name,
    port: number,
    protocol: 'TCP',
    ...(targetPort ? { targetPort } : {}),
  });
  const annotations = { ...objectAt(pilot, 'serviceAnnotations'), ...objectAt(k8s, 'serviceAnnotations') };
  const families = [pilot, objectAt(installation.values, 'global')];
  const policy = families.map((from) => textAt(from, 'ipFamilyPolicy')).find(Boolean);
  const ipFamilies = families.map((from) => listAt(from, 'ipFamilies')).find((list) => list.length > 0);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...istiodMetadata(installation), ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
    spec: serviceSpec(
      {
        ports: [
          port('grpc-xds', 15010),
          port('https-dns', 15012),
          port('https-webhook', 443, 15017),
          port('http-monitoring', 15014),
        ],
        selector: podSelector(installation),
        ...(policy ? { ipFamilyPolicy: policy } : {}),
        ...(ipFamilies ? { ipFamilies } : {}),
      },
      k8s,
    ),
  };
}

function deployment(installation: Installation, pilot: JsonObject, k8s: JsonObject): Manifest {
  const metadata = istiodMetadata(installation);
  const podLabels = {
    ...metadata.labels,
    'istio.io/dataplane-mode': 'none',
    'sidecar.istio.io/inject': 'false',
    ...textMap(objectAt(pilot, 'podLabels')),
  };
  const annotations = {
    'prometheus.io/port': '15014',
    'prometheus.io/scrape': 'true',
    'sidecar.istio.io/inject': 'false',
    ...textMap(objectAt(pilot, 'podAnnotations')),
    ...textMap(objectAt(k8s, 'podAnnotations')),
  };
  const replicas = replicasOf(k8s, pilot);
  const grace = pilot.terminationGracePeriodSeconds;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...metadata, labels: { ...metadata.labels, ...textMap(objectAt(pilot, 'deploymentLabels')) } },
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      selector: { matchLabels: podSelector(installation) },
      strategy: strategyOf(k8s, pilot.rollingMaxSurge ?? '100%', pilot.rollingMaxUnavailable ?? '25%'),
      template: {
        metadata: { labels: podLabels, annotations },
        spec: {
          serviceAccountName: `istiod${revisionSuffix(installation)}`,
          securityContext: k8s.securityContext ?? { fsGroup: 1337 },
          ...podSettings(k8s, pilot, objectAt(installation.values, 'global')),
          ...(typeof grace === 'number' ? { terminationGracePeriodSeconds: grace } : {}),
          ...(listAt(pilot, 'initContainers').length > 0 ? { initContainers: pilot.initContainers } : {}),
          containers: [containerSettings(container(installation, pilot, k8s), k8s)],
          volumes: [
            { name: 'local-certs', emptyDir: { medium: 'Memory' } },
            {
              name: 'istio-token',
              projected: {
                sources: [
                  { serviceAccountToken: { audience: 'istio-ca', expirationSeconds: 43200, path: 'istio-token' } },
                ],
              },
            },
            { name: 'cacerts', secret: { secretName: 'cacerts', optional: true } },
            ...listAt(pilot, 'volumes'),
            ...listAt(k8s, 'volumes'),
          ],
        },
      },
    },
  };
}

function container(installation: Installation, pilot: JsonObject, k8s: JsonObject): JsonObject {
  const { values, spec } = installation;
  const port = (name: string, containerPort: number): JsonObject => ({ name, containerPort, protocol: 'TCP' });
  const seccompProfile = objectAt(pilot, 'seccompProfile');
  const imagePullPolicy = pullPolicy(installation, k8s);
  const component = { ...objectAt(spec, 'components.pilot') };
  const image = imageOf(installation, textAt(pilot, 'image', 'pilot'), {
    hub: textAt(component, 'hub') || textAt(pilot, 'hub'),
    tag: textAt(component, 'tag') || textAt(pilot, 'tag'),
    variant: textAt(pilot, 'variant'),
  });
  return {
    name: 'discovery',
    image,
    ...(imagePullPolicy ? { imagePullPolicy } : {}),
    args: [
      'discovery',
      '--monitoringAddr=:15014',
      ...logArguments(values),
      '--domain',
      textAt(values, 'global.proxy.clusterDomain', 'cluster.local'),
      '--keepaliveMaxServerConnectionAge',
      textAt(pilot, 'keepaliveMaxServerConnectionAge', '30m'),
      ...listAt(pilot, 'extraContainerArgs'),
    ],
    ports: [
      port('http-debug', 8080),
      port('grpc-xds', 15010),
      port('tls-xds', 15012),
      port('https-webhooks', 15017),
      port('http-monitoring', 15014),
    ],
    readinessProbe: {
      httpGet: { path: '/ready', port: 8080 },
      initialDelaySeconds: 1,
      periodSeconds: 3,
      timeoutSeconds: 5,
    },
    env: [
      ...environment(defaultEnvironment(installation, pilot), objectAt(pilot, 'env'), [
        ...listAt(pilot, 'envVarFrom'),
        ...listAt(k8s, 'env'),
      ]),
    ],
    resources: pilot.resources ?? {},
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: 1337,
      runAsGroup: 1337,
      capabilities: { drop: ['ALL'] },
      ...(Object.keys(seccompProfile).length > 0 ? { seccompProfile } : {}),
    },
    volumeMounts: [
      { name: 'istio-token', mountPath: '/var/run/secrets/tokens', readOnly: true },
      { name: 'local-certs', mountPath: '/var/run/secrets/istio-dns' },
      { name: 'cacerts', mountPath: '/etc/cacerts', readOnly: true },
      ...listAt(pilot, 'volumeMounts'),
    ],
  };
}

function defaultEnvironment(installation: Installation, pilot: JsonObject): JsonObject[] {
  const field = (name: string, fieldPath: string): JsonObject => ({
    name,
    valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
  });
  const { values } = installation;
  return [
    { name: 'REVISION', value: installation.revision || 'default' },
    { name: 'PILOT_CERT_PROVIDER', value: textAt(values, 'global.pilotCertProvider', 'istiod') },
    field('POD_NAME', 'metadata.name'),
    field('POD_NAMESPACE', 'metadata.namespace'),
    field('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    { name: 'CLUSTER_ID', value: clusterName(installation) },
    { name: 'PILOT_TRACE_SAMPLING', value: textAt(pilot, 'traceSampling', '1') },
    { name: 'PILOT_ENABLE_ANALYSIS', value: String(flagAt(values, 'global.istiod.enableAnalysis')) },
  ];
}

/** Labels and annotations must be text; `values` may hold numbers and booleans. */
function textMap(map: JsonObject): Record<string, string> {
  return Object.fromEntries(
    Object.entries(map).map(([key, value]: [string, Json | undefined]) => [key, String(value)]),
  );
}
