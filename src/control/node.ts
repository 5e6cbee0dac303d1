// From the node that a client sends to the proxy that the mesh knows: names, labels, place. Pure.
import type { JsonObject } from '@bufbuild/protobuf';
import type { Node } from '../gen/envoy/config/core/v3/base_pb.js';
import type { Mesh } from '../ingest/mesh.ts';
import { objectKey } from '../kinds/object.ts';
import type { Locality } from '../model/endpoint.ts';
import type { Proxy as Client, ProxyType } from '../model/proxy.ts';

/** A node that is no proxy of ours; the message is for whoever runs it. */
export class BadNode extends Error {
  override readonly name = 'BadNode';
}

export interface NodeOptions {
  readonly node: Node;
  readonly mesh: Mesh;
  /** From the proven identity; undefined for plaintext clients, whose own word is then taken. */
  readonly serviceAccount?: string;
  /** Cluster of clients that name none. */
  readonly configCluster: string;
}

const TYPES: Readonly<Record<string, ProxyType>> = { sidecar: 'sidecar', router: 'router', debug: 'sidecar' };

/**
 * Reads `type~ip~name.namespace~domain` and Istio's node metadata. What the mesh knows of the pod goes before what the
 * proxy says of itself. Throws BadNode.
 */
export function proxyOfNode({ node, mesh, serviceAccount, configCluster }: NodeOptions): Client {
  const [kind = '', address = '', instance = '', domain = '', ...rest] = node.id.split('~');
  const type = TYPES[kind];
  if (!type || !address || !instance || rest.length) {
    throw new BadNode(`node id "${node.id}" is not of the form sidecar~<ip>~<pod>.<namespace>~<domain> (or router~…)`);
  }
  const metadata: JsonObject = node.metadata ?? {};
  const text = (name: string): string => (typeof metadata[name] === 'string' ? metadata[name] : '');
  const dot = instance.lastIndexOf('.');
  const name = dot < 0 ? instance : instance.slice(0, dot);
  // As in Istio the metadata decides: a stock istioctl names another namespace in its id.
  const namespace = text('NAMESPACE') || (dot < 0 ? '' : instance.slice(dot + 1));
  const cluster = text('CLUSTER_ID') || configCluster;
  const pod = mesh.inputs.pod.get(objectKey(cluster, namespace, name));
  const nodeName = pod?.node || text('NODE_NAME');
  return {
    id: node.id,
    type,
    addresses: addressesOf(address, text('INSTANCE_IPS')),
    instance: name,
    namespace,
    cluster,
    network: text('NETWORK') || (mesh.inputs.cluster.get(cluster)?.network ?? ''),
    serviceAccount: serviceAccount ?? (text('SERVICE_ACCOUNT') || pod?.serviceAccount || ''),
    labels: { ...labelsOf(metadata.LABELS), ...pod?.labels },
    locality: localityOf(node, nodeName ? mesh.inputs.node.get(objectKey(cluster, '', nodeName))?.locality : undefined),
    node: nodeName,
    domain,
    version: versionOf(node),
    istioVersion: text('ISTIO_VERSION'),
    metadata,
  };
}

/** `pod.namespace`: how proxies are called in lists. */
export function proxyName({ instance, namespace }: Client): string {
  return namespace ? `${instance}.${namespace}` : instance;
}

function addressesOf(first: string, list: string): string[] {
  return [...new Set([first, ...list.split(',').filter(Boolean)])];
}

function labelsOf(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function localityOf({ locality }: Node, known: Locality | undefined): Locality {
  if (locality?.region) return { region: locality.region, zone: locality.zone, subzone: locality.subZone };
  return known ?? { region: '', zone: '', subzone: '' };
}

function versionOf({ userAgentVersionType }: Node): string {
  if (userAgentVersionType.case === 'userAgentVersion') return userAgentVersionType.value;
  const version =
    userAgentVersionType.case === 'userAgentBuildVersion' ? userAgentVersionType.value.version : undefined;
  return version ? `${version.majorNumber}.${version.minorNumber}.${version.patch}` : '';
}
