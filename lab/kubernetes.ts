// The Kubernetes processes of a cluster: their arguments and configuration files, as data.
import { join } from 'node:path';
import type { ClusterPlan } from './plan.ts';
import type { ProcessSpec } from './processes.ts';

/** Paths of a cluster's files. */
export function clusterFiles(cluster: ClusterPlan) {
  const pki = (name: string) => join(cluster.dir, 'pki', name);
  const config = (name: string) => join(cluster.dir, 'config', name);
  return {
    caCertificate: pki('ca.crt'),
    caKey: pki('ca.key'),
    apiserverCertificate: pki('apiserver.crt'),
    apiserverKey: pki('apiserver.key'),
    kubeletCertificate: pki('kubelet.crt'),
    kubeletKey: pki('kubelet.key'),
    adminCertificate: pki('admin.crt'),
    adminKey: pki('admin.key'),
    serviceAccountPublic: pki('sa.pub'),
    serviceAccountKey: pki('sa.key'),
    controllerManager: config('controller-manager.kubeconfig'),
    scheduler: config('scheduler.kubeconfig'),
    proxy: config('proxy.kubeconfig'),
    kubelet: config('kubelet.kubeconfig'),
    kubeletConfig: config('kubelet.json'),
    proxyConfig: config('kube-proxy.json'),
    resolvConf: config('resolv.conf'),
  } as const;
}

/** URL of a cluster's API server, the same from the host and from every cluster. */
export function serverUrl(cluster: ClusterPlan): string {
  return `https://${cluster.address}:6443`;
}

/** etcd and the API server, in the order in which they start. */
export function storageProcesses(cluster: ClusterPlan, kubelab: string): ProcessSpec[] {
  const files = clusterFiles(cluster);
  return [
    spec(kubelab, 'etcd', {
      'data-dir': join(cluster.dir, 'etcd'),
      'listen-client-urls': 'http://127.0.0.1:2379',
      'advertise-client-urls': 'http://127.0.0.1:2379',
      'listen-peer-urls': 'http://127.0.0.1:2380',
      'unsafe-no-fsync': 'true',
      'log-level': 'warn',
    }),
    spec(kubelab, 'kube-apiserver', {
      'etcd-servers': 'http://127.0.0.1:2379',
      'service-cluster-ip-range': cluster.serviceCidr,
      'authorization-mode': 'Node,RBAC',
      'enable-admission-plugins': 'NodeRestriction',
      'client-ca-file': files.caCertificate,
      'tls-cert-file': files.apiserverCertificate,
      'tls-private-key-file': files.apiserverKey,
      'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
      'service-account-key-file': files.serviceAccountPublic,
      'service-account-signing-key-file': files.serviceAccountKey,
      'advertise-address': cluster.address,
      'secure-port': '6443',
      'kubelet-client-certificate': files.adminCertificate,
      'kubelet-client-key': files.adminKey,
      'kubelet-certificate-authority': files.caCertificate,
      'kubelet-preferred-address-types': 'InternalIP',
      'allow-privileged': 'true',
      profiling: 'false',
    }),
  ];
}

/** The controllers that need the API server. */
export function controllerProcesses(cluster: ClusterPlan, kubelab: string): ProcessSpec[] {
  const files = clusterFiles(cluster);
  return [
    spec(kubelab, 'kube-controller-manager', {
      ...accessBy(files.controllerManager),
      'service-account-private-key-file': files.serviceAccountKey,
      'root-ca-file': files.caCertificate,
      'cluster-signing-cert-file': files.caCertificate,
      'cluster-signing-key-file': files.caKey,
      'use-service-account-credentials': 'true',
      'leader-elect': 'false',
      'allocate-node-cidrs': 'true',
      'cluster-cidr': cluster.podCidr,
      'node-cidr-mask-size': '24',
      'kube-api-qps': '100',
      'kube-api-burst': '200',
      profiling: 'false',
    }),
    spec(kubelab, 'kube-scheduler', { ...accessBy(files.scheduler), 'leader-elect': 'false', profiling: 'false' }),
  ];
}

/** The processes of the node itself. */
export function nodeProcesses(cluster: ClusterPlan, kubelab: string): ProcessSpec[] {
  const files = clusterFiles(cluster);
  return [
    spec(kubelab, 'kubelet', {
      config: files.kubeletConfig,
      kubeconfig: files.kubelet,
      'hostname-override': cluster.node,
      'node-ip': cluster.address,
    }),
    spec(kubelab, 'kube-proxy', { config: files.proxyConfig, 'hostname-override': cluster.node }),
  ];
}

/** The kubelet's configuration: no quality-of-service cgroups and no evictions, so that it runs in any container or VM. */
export function kubeletConfig(cluster: ClusterPlan, { socket }: { socket: string }): object {
  const files = clusterFiles(cluster);
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: `unix://${socket}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cluster.cgroup}`,
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    failCgroupV1: false,
    failSwapOn: false,
    localStorageCapacityIsolation: false,
    evictionHard: {},
    // A pod deleted just after its start looks like one to be resized, and without cgroups for QoS the kubelet of this
    // version then dereferences a limit that is not there and dies.
    featureGates: { InPlacePodVerticalScaling: false },
    imageGCHighThresholdPercent: 100,
    maxPods: 240,
    serializeImagePulls: false,
    eventRecordQPS: 0,
    kubeAPIQPS: 100,
    kubeAPIBurst: 200,
    clusterDNS: [cluster.dnsServiceAddress],
    clusterDomain: 'cluster.local',
    resolvConf: files.resolvConf,
    volumePluginDir: join(cluster.dir, 'volume-plugins'),
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: files.caCertificate },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: files.kubeletCertificate,
    tlsPrivateKeyFile: files.kubeletKey,
  };
}

/** kube-proxy's configuration: nftables, quick to follow changes, and no sysctl that only the host may set. */
export function proxyConfig(cluster: ClusterPlan): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: clusterFiles(cluster).proxy },
    mode: 'nftables',
    clusterCIDR: cluster.podCidr,
    conntrack: { maxPerCore: 0 },
    nftables: { minSyncPeriod: '100ms', syncPeriod: '30s' },
    healthzBindAddress: '127.0.0.1:10256',
    metricsBindAddress: '127.0.0.1:10249',
  };
}

function accessBy(kubeconfig: string): Record<string, string> {
  return {
    kubeconfig: kubeconfig,
    'authentication-kubeconfig': kubeconfig,
    'authorization-kubeconfig': kubeconfig,
  };
}

function spec(kubelab: string, name: string, flags: Readonly<Record<string, string>>): ProcessSpec {
  return { name, command: [kubelab, name, ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)] };
}
