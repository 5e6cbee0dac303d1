// Defaults of everything that injection reads: the `values` of the injector ConfigMap and the mesh's proxy configuration.
import type { MeshSettings, ProxyConfig } from './mesh.ts';
import type { InjectionValues } from './values.ts';

/** Defaults of `values`; also the base from which an installation writes the ConfigMap `istio-sidecar-injector`. */
export const defaultValues: Omit<InjectionValues, 'raw'> = {
  revision: '',
  global: {
    hub: 'isthmus',
    tag: 'latest',
    variant: '',
    imagePullPolicy: '',
    imagePullSecrets: [],
    istioNamespace: 'istio-system',
    caAddress: '',
    pilotCertProvider: 'istiod',
    meshID: '',
    network: '',
    trustBundleName: 'istio-ca-root-cert',
    mountMtlsCerts: false,
    logAsJson: false,
    nativeNftables: false,
    logging: { level: 'default:info' },
    multiCluster: { clusterName: '' },
    sds: { token: { aud: 'istio-ca' } },
    proxy: {
      image: 'proxy',
      clusterDomain: 'cluster.local',
      logLevel: 'warning',
      componentLogLevel: 'misc:error',
      outlierLogPath: '',
      privileged: false,
      capNetBindService: false,
      holdApplicationUntilProxyStarts: false,
      resources: {
        requests: { cpu: '100m', memory: '128Mi' },
        limits: { cpu: '2000m', memory: '1024Mi' },
      },
      lifecycle: {},
      seccompProfile: {},
      startupProbe: { enabled: true, failureThreshold: 600 },
      readinessInitialDelaySeconds: 0,
      readinessPeriodSeconds: 15,
      readinessFailureThreshold: 4,
      statusPort: 15020,
      includeIPRanges: '*',
      excludeIPRanges: '',
      includeInboundPorts: '*',
      excludeInboundPorts: '',
      includeOutboundPorts: '',
      excludeOutboundPorts: '',
    },
    proxy_init: { image: 'proxy', forceApplyIptables: false },
  },
  pilot: { cni: { enabled: false, provider: 'default' }, env: {}, crlConfigMapName: 'istio-ca-crl' },
  gateways: { securityContext: {}, seccompProfile: {} },
  sidecarInjectorWebhook: {
    rewriteAppHTTPProbe: true,
    enableNamespacesByDefault: false,
    injectedAnnotations: {},
    alwaysInjectSelector: [],
    neverInjectSelector: [],
    defaultTemplates: [],
    templates: {},
  },
};

/** Defaults of ProxyConfig, as documented for istio.mesh.v1alpha1.ProxyConfig. Durations are protobuf JSON (`45s`). */
export const defaultProxyConfig: ProxyConfig = {
  configPath: './etc/istio/proxy',
  binaryPath: '/usr/local/bin/envoy',
  serviceCluster: 'istio-proxy',
  drainDuration: '45s',
  terminationDrainDuration: '5s',
  discoveryAddress: 'istiod.istio-system.svc:15012',
  proxyAdminPort: 15000,
  controlPlaneAuthPolicy: 'MUTUAL_TLS',
  statNameLength: 189,
  statusPort: 15020,
  interceptionMode: 'REDIRECT',
};

/** Defaults of the part of MeshConfig that injection reads. */
export const defaultMesh: MeshSettings = {
  trustDomain: 'cluster.local',
  enablePrometheusMerge: true,
  proxyListenPort: 15001,
  proxyInboundListenPort: 15006,
  inboundTrafficPolicy: 'PASSTHROUGH',
  otelSemanticConventions: false,
  defaultConfig: defaultProxyConfig,
};
