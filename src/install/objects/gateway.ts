// Components IngressGateways and EgressGateways: one Deployment, Service and account for each gateway.
import { type ComponentName, type Installation, labelsOf, pullSecrets } from '../installation.ts';
import {
  flagAt,
  isObject,
  type Json,
  type JsonObject,
  listAt,
  type Manifest,
  numberAt,
  objectAt,
  textAt,
} from '../json.ts';
import { gatewayPod } from './gateway-pod.ts';
import { grant, rule, serviceAccount } from './rbac.ts';
import { replicasOf, scalingObjects } from './scaling.ts';
import { serviceSpec, strategyOf } from './workload.ts';

export interface GatewayOptions {
  readonly installation: Installation;
  readonly component: ComponentName & ('IngressGateways' | 'EgressGateways');
  /** The element of `components.ingressGateways` or `egressGateways`. */
  readonly gateway: JsonObject;
}

/** What one gateway is called, where it stands and how its pods are found. */
export interface GatewayIdentity {
  readonly name: string;
  readonly namespace: string;
  /** Labels of its pods that select them; Gateway resources refer to these. */
  readonly selector: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** All objects of one gateway, in the order in which they are applied. */
export function gatewayObjects(options: GatewayOptions): Manifest[] {
  const { installation, component, gateway } = options;
  const values = valuesOf(options);
  const k8s = objectAt(gateway, 'k8s');
  const name = textAt(gateway, 'name');
  const namespace = textAt(gateway, 'namespace', installation.namespace);
  const selector = textMap({ ...objectAt(values, 'labels'), ...objectAt(gateway, 'label') });
  const labels = labelsOf(installation, component, { ...selector, 'app.kubernetes.io/name': name });
  const identity: GatewayIdentity = { name, namespace, selector, labels };
  const account = { name: `${name}-service-account`, namespace };
  const replicas = replicasOf(k8s, values);
  const service = gatewayService(identity, k8s, values);
  return [
    serviceAccount(
      { ...account, labels, ...nonEmpty('annotations', objectAt(values, 'serviceAccount.annotations')) },
      pullSecrets(installation.values),
    ),
    ...grant({ name: `${name}-sds`, namespace, labels, rules: [rule([''], ['secrets'], 'get list watch')], account }),
    ...(flagAt(values, 'customService') ? [] : [service]),
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace, labels: { ...labels, 'istio.io/dataplane-mode': 'none' } },
      spec: {
        ...(replicas === undefined ? {} : { replicas }),
        selector: { matchLabels: selector },
        strategy: strategyOf(k8s, values.rollingMaxSurge ?? '100%', values.rollingMaxUnavailable ?? '25%'),
        template: gatewayPod({ ...options, identity, k8s, values, ports: targetPorts(service) }),
      },
    },
    ...scalingObjects({
      metadata: { name, namespace, labels },
      target: name,
      k8s,
      values,
      selector,
      budget: flagAt(installation.values, 'global.defaultPodDisruptionBudget.enabled', true),
    }),
  ];
}

/** Helm values that hold for gateways of this kind. */
function valuesOf({ installation, component }: GatewayOptions): JsonObject {
  const all = objectAt(installation.values, 'gateways');
  return objectAt(all, component === 'IngressGateways' ? 'istio-ingressgateway' : 'istio-egressgateway');
}

function gatewayService(
  { name, namespace, selector, labels }: GatewayIdentity,
  k8s: JsonObject,
  values: JsonObject,
): Manifest {
  const annotations = textMap({ ...objectAt(values, 'serviceAnnotations'), ...objectAt(k8s, 'serviceAnnotations') });
  const optional = [
    'loadBalancerIP',
    'loadBalancerSourceRanges',
    'externalTrafficPolicy',
    'ipFamilies',
    'ipFamilyPolicy',
  ];
  const given = Object.fromEntries(optional.filter((key) => hasContent(values[key])).map((key) => [key, values[key]]));
  const defaults: JsonObject = {
    type: textAt(values, 'type', 'ClusterIP'),
    ports: [...listAt(values, 'ports'), ...listAt(values, 'ingressPorts')],
    selector,
    ...given,
  };
  const spec = serviceSpec(defaults, k8s);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels, ...nonEmpty('annotations', annotations) },
    spec: { ...spec, ports: listAt(spec, 'ports').map(withProtocol) },
  };
}

/** Server-side apply identifies ports by number and protocol, so the protocol is always written. */
function withProtocol(port: Json): Json {
  return isObject(port) ? { ...port, protocol: port.protocol ?? 'TCP' } : port;
}

/** Container ports: where the Service's ports lead. */
function targetPorts(service: Manifest): { containerPort: number; protocol: string }[] {
  const seen = new Set<string>();
  return listAt(service, 'spec.ports').flatMap((port) => {
    const containerPort = numberAt(port, 'targetPort') ?? numberAt(port, 'port');
    const protocol = textAt(port, 'protocol', 'TCP');
    if (containerPort === undefined || seen.has(`${containerPort}/${protocol}`)) return [];
    seen.add(`${containerPort}/${protocol}`);
    return [{ containerPort, protocol }];
  });
}

function hasContent(value: Json | undefined): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== '';
}

function nonEmpty(key: string, map: JsonObject): JsonObject {
  return Object.keys(map).length > 0 ? { [key]: map } : {};
}

function textMap(map: JsonObject): Record<string, string> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, String(value)]));
}
