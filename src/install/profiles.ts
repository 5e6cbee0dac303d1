// The built-in profiles: what an installation wants before the user says anything.
import type { JsonObject } from './json.ts';
import { mergeObjects } from './merge.ts';

const INGRESS = 'istio-ingressgateway';
const EGRESS = 'istio-egressgateway';

/** What every profile starts from. Each value here may be overridden; none is read from anywhere else. */
const BASE: JsonObject = {
  hub: 'isthmus',
  tag: 'latest',
  meshConfig: {
    defaultConfig: {},
    enablePrometheusMerge: true,
  },
  components: {
    base: { enabled: true },
    pilot: { enabled: true },
    istiodRemote: { enabled: false },
    cni: { enabled: false },
    ztunnel: { enabled: false },
    ingressGateways: [{ name: INGRESS, enabled: true }],
    egressGateways: [{ name: EGRESS, enabled: false }],
  },
  values: {
    global: {
      istioNamespace: 'istio-system',
      imagePullPolicy: 'IfNotPresent',
      imagePullSecrets: [],
      configValidation: true,
      defaultPodDisruptionBudget: { enabled: true },
      configCluster: false,
      omitSidecarInjectorConfigMap: false,
      logAsJson: false,
      logging: { level: 'default:info' },
      meshID: '',
      meshNetworks: {},
      multiCluster: { clusterName: '' },
      network: '',
      networkPolicy: { enabled: false },
      pilotCertProvider: 'istiod',
      priorityClassName: '',
      remotePilotAddress: '',
      caAddress: '',
      mountMtlsCerts: false,
      istiod: { enableAnalysis: false },
      sds: { token: { aud: 'istio-ca' } },
      proxy: {
        image: 'proxy',
        autoInject: 'enabled',
        clusterDomain: 'cluster.local',
        componentLogLevel: 'misc:error',
        logLevel: 'warning',
        includeIPRanges: '*',
        excludeIPRanges: '',
        includeInboundPorts: '*',
        excludeInboundPorts: '',
        includeOutboundPorts: '',
        excludeOutboundPorts: '',
        outlierLogPath: '',
        privileged: false,
        readinessFailureThreshold: 4,
        readinessInitialDelaySeconds: 0,
        readinessPeriodSeconds: 15,
        startupProbe: { enabled: true, failureThreshold: 600 },
        statusPort: 15020,
        tracer: 'none',
        resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2000m', memory: '1024Mi' } },
      },
      proxy_init: { image: 'proxy', forceApplyIptables: false },
    },
    pilot: {
      image: 'pilot',
      autoscaleEnabled: true,
      autoscaleMin: 1,
      autoscaleMax: 5,
      replicaCount: 1,
      rollingMaxSurge: '100%',
      rollingMaxUnavailable: '25%',
      traceSampling: 1,
      configMap: true,
      keepaliveMaxServerConnectionAge: '30m',
      cni: { enabled: false, provider: 'default' },
      cpu: { targetAverageUtilization: 80 },
      resources: { requests: { cpu: '500m', memory: '512Mi' } },
      env: {},
    },
    gateways: {
      [INGRESS]: {
        name: INGRESS,
        labels: { app: INGRESS, istio: 'ingressgateway' },
        type: 'LoadBalancer',
        ports: [
          { name: 'status-port', port: 15021, targetPort: 15021, protocol: 'TCP' },
          { name: 'http2', port: 80, targetPort: 8080, protocol: 'TCP' },
          { name: 'https', port: 443, targetPort: 8443, protocol: 'TCP' },
        ],
        autoscaleEnabled: true,
        autoscaleMin: 1,
        autoscaleMax: 5,
      },
      [EGRESS]: {
        name: EGRESS,
        labels: { app: EGRESS, istio: 'egressgateway' },
        type: 'ClusterIP',
        ports: [
          { name: 'http2', port: 80, targetPort: 8080, protocol: 'TCP' },
          { name: 'https', port: 443, targetPort: 8443, protocol: 'TCP' },
        ],
        autoscaleEnabled: true,
        autoscaleMin: 1,
        autoscaleMax: 5,
      },
    },
    sidecarInjectorWebhook: {
      alwaysInjectSelector: [],
      neverInjectSelector: [],
      defaultTemplates: [],
      templates: {},
      injectedAnnotations: {},
      enableNamespacesByDefault: false,
      reinvocationPolicy: 'Never',
      rewriteAppHTTPProbe: true,
    },
    istiodRemote: { injectionURL: '', injectionPath: '', injectionCABundle: '' },
    base: { validationURL: '', enableIstioConfigCRDs: true },
    telemetry: { enabled: true, v2: { enabled: true, prometheus: { enabled: true } } },
  },
};

const noGateways: JsonObject = {
  ingressGateways: [{ name: INGRESS, enabled: false }],
  egressGateways: [{ name: EGRESS, enabled: false }],
};

const small: JsonObject = {
  resources: { requests: { cpu: '10m', memory: '40Mi' }, limits: { cpu: '2000m', memory: '1024Mi' } },
};

/** Each profile says only how it differs from what all start from. */
const DELTAS: Readonly<Record<string, { about: string; spec: JsonObject }>> = {
  default: { about: 'the control plane and an ingress gateway, for production', spec: {} },
  demo: {
    about: 'everything switched on with small resource requests, to try things out',
    spec: {
      meshConfig: { accessLogFile: '/dev/stdout' },
      components: {
        pilot: { k8s: { resources: { requests: { cpu: '10m', memory: '100Mi' } } } },
        ingressGateways: [{ name: INGRESS, enabled: true, k8s: small }],
        egressGateways: [{ name: EGRESS, enabled: true, k8s: small }],
      },
      values: {
        global: { proxy: small },
        pilot: { autoscaleEnabled: false, traceSampling: 100 },
        gateways: { [INGRESS]: { autoscaleEnabled: false }, [EGRESS]: { autoscaleEnabled: false } },
      },
    },
  },
  minimal: { about: 'the control plane only', spec: { components: noGateways } },
  remote: {
    about: 'a cluster without a control plane, served by the one at values.global.remotePilotAddress',
    spec: {
      components: { ...noGateways, pilot: { enabled: false }, istiodRemote: { enabled: true } },
      values: { global: { omitSidecarInjectorConfigMap: true, configCluster: false }, telemetry: { enabled: false } },
    },
  },
  empty: {
    about: 'nothing: a start for a gateway of its own or a hand-picked set of components',
    spec: { components: { ...noGateways, base: { enabled: false }, pilot: { enabled: false } } },
  },
  preview: {
    about: 'the default profile with features that are not switched on by default yet',
    spec: { meshConfig: { defaultConfig: { proxyMetadata: { ISTIO_META_DNS_CAPTURE: 'true' } } } },
  },
};

/** Names of the built-in profiles with one line about each, in the order to show them. */
export function listProfiles(): readonly { readonly name: string; readonly about: string }[] {
  return Object.entries(DELTAS).map(([name, { about }]) => ({ name, about }));
}

/** The spec that a profile stands for; undefined when there is no such profile. */
export function profileSpec(name: string): JsonObject | undefined {
  const delta = DELTAS[name];
  return delta && mergeObjects(mergeObjects(BASE, delta.spec), { profile: name });
}
