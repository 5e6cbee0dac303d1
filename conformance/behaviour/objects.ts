// What a cluster would add to the objects of a record: pods, namespaces, cluster addresses, endpoint slices.
import type { KubernetesObject } from '../../src/kinds/object.ts';
import { PODS } from './pods.ts';

interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly targetPort?: number;
  readonly protocol?: string;
}

interface ServiceSpec {
  readonly clusterIP?: string;
  readonly type?: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly ports?: readonly ServicePort[];
}

const named = (object: KubernetesObject) => ({
  namespace: object.metadata?.namespace ?? 'app',
  name: object.metadata?.name ?? '',
});

/** Objects as the API server would hold them: namespaces filled in, Services with addresses and endpoints, the world's pods. */
export function complete(objects: readonly KubernetesObject[]): KubernetesObject[] {
  return [
    ...worldObjects(),
    ...objects.flatMap((object) => (object.kind === 'Service' ? service(object) : [stamp(object)])),
  ];
}

/** Address that a client dials for a service, by the objects of the record. */
export function addressOf(host: string, objects: readonly KubernetesObject[]): string | undefined {
  const [name, namespace = 'app'] = host.split('.');
  const found = objects.find((o) => o.kind === 'Service' && named(o).name === name && named(o).namespace === namespace);
  if (!found) return undefined;
  const spec = found.spec as ServiceSpec;
  if (spec.clusterIP === 'None') return members(spec, namespace)[0]?.address;
  return spec.clusterIP ?? clusterAddress(namespace, name!);
}

/** Creation times follow the order in the record, so that "the oldest wins" can be said. */
let age = 0;
function stamp(object: KubernetesObject): KubernetesObject {
  const { namespace } = named(object);
  age = (age + 1) % 3600;
  const created = object.metadata?.creationTimestamp ?? '2024-01-01T00:00:00Z';
  return { ...object, metadata: { ...object.metadata, namespace, creationTimestamp: created } };
}

function service(object: KubernetesObject): KubernetesObject[] {
  const { namespace, name } = named(object);
  const spec = object.spec as ServiceSpec;
  const withAddress = {
    ...object,
    spec: {
      ...spec,
      ...(spec.type !== 'ExternalName' && { clusterIP: spec.clusterIP ?? clusterAddress(namespace, name) }),
    },
  };
  if (!spec.selector || spec.type === 'ExternalName') return [stamp(withAddress)];
  return [stamp(withAddress), endpointSlice(namespace, name, spec)];
}

function members(spec: ServiceSpec, namespace: string) {
  const wanted = Object.entries(spec.selector ?? {});
  return PODS.filter((pod) => pod.namespace === namespace && wanted.every(([key, value]) => pod.labels[key] === value));
}

function endpointSlice(namespace: string, name: string, spec: ServiceSpec): KubernetesObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace, name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: (spec.ports ?? []).map(({ name: port = '', port: number, targetPort, protocol = 'TCP' }) => ({
      name: port,
      port: targetPort ?? number,
      protocol,
    })),
    endpoints: members(spec, namespace).map((pod) => ({
      addresses: [pod.address],
      conditions: { ready: true, serving: true },
      nodeName: 'node',
      targetRef: { kind: 'Pod', namespace, name: pod.name },
    })),
  };
}

/** Stable: a service keeps its address when others come and go. */
function clusterAddress(namespace: string, name: string): string {
  let hash = 7;
  for (const char of `${namespace}/${name}`) hash = (hash * 31 + char.charCodeAt(0)) % 65_000;
  return `10.96.${Math.floor(hash / 250)}.${(hash % 250) + 2}`;
}

function worldObjects(): KubernetesObject[] {
  const namespaces = [...new Set(['istio-system', ...PODS.map((pod) => pod.namespace)])];
  return [
    ...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    ...PODS.map((pod) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: pod.name, namespace: pod.namespace, labels: pod.labels },
      spec: { serviceAccountName: pod.serviceAccount, nodeName: 'node' },
      status: { phase: 'Running', podIP: pod.address, podIPs: [{ ip: pod.address }] },
    })),
  ];
}
