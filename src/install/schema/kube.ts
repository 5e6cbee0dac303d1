// Schemas of the Kubernetes types that `k8s.*` and `values.*` take. What is nested deeper the API server checks.
import {
  any,
  boolean,
  choice,
  count,
  intOrString,
  list,
  map,
  number,
  object,
  port,
  quantity,
  type Schema,
  string,
  text,
} from './schema.ts';

const probe: Schema = object({
  httpGet: object({
    path: string,
    port: intOrString,
    host: string,
    scheme: choice('HTTP', 'HTTPS'),
    httpHeaders: list(any),
  }),
  tcpSocket: object({ port: intOrString, host: string }),
  exec: object({ command: list(string) }),
  grpc: object({ port, service: string }),
  initialDelaySeconds: count,
  periodSeconds: count,
  timeoutSeconds: count,
  successThreshold: count,
  failureThreshold: count,
  terminationGracePeriodSeconds: count,
});

export const envVar: Schema = object({
  name: string,
  value: text,
  valueFrom: object({
    fieldRef: object({ apiVersion: string, fieldPath: string }),
    resourceFieldRef: object({ containerName: string, resource: string, divisor: quantity }),
    configMapKeyRef: object({ name: string, key: string, optional: boolean }),
    secretKeyRef: object({ name: string, key: string, optional: boolean }),
  }),
});

export const resources: Schema = object({ requests: map(quantity), limits: map(quantity), claims: list(any) });

export const toleration: Schema = object({
  key: string,
  operator: choice('Exists', 'Equal'),
  value: text,
  effect: choice('NoSchedule', 'PreferNoSchedule', 'NoExecute'),
  tolerationSeconds: count,
});

export const affinity: Schema = object({ nodeAffinity: any, podAffinity: any, podAntiAffinity: any });

export const servicePort: Schema = object({
  name: string,
  port,
  targetPort: intOrString,
  nodePort: port,
  protocol: choice('TCP', 'UDP', 'SCTP'),
  appProtocol: string,
});

const service: Schema = object({
  ports: list(servicePort),
  selector: map(string),
  type: choice('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'),
  clusterIP: string,
  clusterIPs: list(string),
  externalIPs: list(string),
  externalName: string,
  externalTrafficPolicy: choice('Cluster', 'Local'),
  internalTrafficPolicy: choice('Cluster', 'Local'),
  trafficDistribution: string,
  healthCheckNodePort: port,
  ipFamilies: list(choice('IPv4', 'IPv6')),
  ipFamilyPolicy: choice('SingleStack', 'PreferDualStack', 'RequireDualStack'),
  loadBalancerClass: string,
  loadBalancerIP: string,
  loadBalancerSourceRanges: list(string),
  allocateLoadBalancerNodePorts: boolean,
  publishNotReadyAddresses: boolean,
  sessionAffinity: choice('None', 'ClientIP'),
  sessionAffinityConfig: any,
});

const hpaSpec: Schema = object({
  minReplicas: count,
  maxReplicas: count,
  scaleTargetRef: object({ apiVersion: string, kind: string, name: string }),
  behavior: any,
  metrics: list(object({ type: string, resource: any, pods: any, object: any, external: any, containerResource: any })),
});

const overlays: Schema = list(
  object({
    apiVersion: string,
    kind: string,
    name: string,
    patches: list(object({ path: string, value: any })),
  }),
);

/** `components.*.k8s`. */
export const k8s: Schema = object({
  affinity,
  env: list(envVar),
  hpaSpec,
  imagePullPolicy: choice('Always', 'IfNotPresent', 'Never'),
  nodeSelector: map(string),
  podDisruptionBudget: object({
    minAvailable: intOrString,
    maxUnavailable: intOrString,
    selector: any,
    unhealthyPodEvictionPolicy: string,
  }),
  podAnnotations: map(string),
  priorityClassName: string,
  readinessProbe: probe,
  replicaCount: count,
  resources,
  service,
  strategy: object({
    type: choice('RollingUpdate', 'Recreate'),
    rollingUpdate: object({ maxSurge: intOrString, maxUnavailable: intOrString }),
  }),
  tolerations: list(toleration),
  serviceAnnotations: map(string),
  securityContext: any,
  volumes: list(any),
  volumeMounts: list(any),
  overlays,
});

/** `components.base.k8s`: there is nothing but objects to patch. */
export const overlaysOnly: Schema = object({ overlays });

/** `components.istiodRemote.k8s`: a Service and objects to patch. */
export const remoteK8s: Schema = object({ overlays, service, serviceAnnotations: map(string) });

/** `values.*.cpu` and `memory`: what an autoscaler aims at, in percent. */
export const utilization: Schema = object({ targetAverageUtilization: number });
