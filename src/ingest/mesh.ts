// Objects of all clusters in, the mesh out: the door through which every change enters the graph.
import type { Family, Graph, Input } from '../graph/graph.ts';
import type { MeshConfig } from '../gen/mesh/v1alpha1/config_pb.js';
import { type KubernetesObject, type ObjectName, objectKey, splitKey } from '../kinds/object.ts';
import { KINDS, kindOf } from '../kinds/registry.ts';
import type { KindName } from '../kinds/kind.ts';
import type { DestinationPolicy } from '../model/traffic.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { Gateway } from '../model/gateway.ts';
import type { Problem } from '../model/problem.ts';
import type { RouteRules } from '../model/route.ts';
import type { PeerAuthentication } from '../model/security.ts';
import type { Service } from '../model/service.ts';
import { defineDestinations } from './destination-rule.ts';
import { defineEndpoints } from './endpoints.ts';
import { defineGateways } from './gateway.ts';
import { type ByNamespace, type ClusterInfo, defineByNamespace, defineInputs, type MeshInputs } from './inputs.ts';
import { decodeMeshConfig, defineMeshFacts, type MeshFacts } from './mesh-config.ts';
import { definePeerAuthentications } from './peer-authentication.ts';
import { defineRules, type RuleFamilies } from './virtual-service.ts';
import { defineServices, type ServiceFamilies } from './services.ts';

export interface MeshOptions {
  /** The cluster whose Istio objects are in force. */
  readonly configCluster: string;
  /** Suffix of service names; default `cluster.local`. */
  readonly domain?: string;
}

/**
 * The mesh as values of the graph. Keys: a service id is `namespace/host` (for a Service, its own namespace and fully
 * qualified name); facts about the whole mesh have the key ''.
 */
export interface Mesh extends MeshFacts, ServiceFamilies, RuleFamilies {
  readonly graph: Graph;
  readonly configCluster: string;
  readonly domain: string;
  readonly inputs: MeshInputs;
  /** Namespace → keys, for every kind. */
  readonly inNamespace: ByNamespace;

  /** Endpoints of one port of a service in all clusters, sorted by cluster and address. */
  readonly endpoints: Family<ServicePortKey, readonly Endpoint[]>;
  /** SPIFFE identities of a port's endpoints, sorted: what a client expects in certificates. */
  readonly identities: Family<ServicePortKey, readonly string[]>;
  /** DestinationRules that hold for a host as seen from a namespace, merged; undefined when there is none. */
  readonly destinationPolicy: Family<DestinationQuery, DestinationPolicy | undefined>;
  /** Gateway objects by key `namespace/name`. */
  readonly gateway: Family<string, Gateway | undefined>;
  /** Policies of a namespace, oldest first. */
  readonly peerAuthentications: Family<string, readonly PeerAuthentication[]>;

  /** Takes an object as the API server (or a file) gave it. Objects of kinds nobody reads are ignored. */
  apply(cluster: string, raw: KubernetesObject): void;
  remove(cluster: string, name: ObjectName): void;
  /** Forgets exactly that cluster's objects. */
  removeCluster(cluster: string): void;
  /** Sets the MeshConfig; on errors the last good one stays in force. */
  setMeshConfig(yamlOrObject: unknown): Problem[];
  setCluster(cluster: string, info: ClusterInfo): void;
}

export interface ServicePortKey {
  /** Service id. */
  readonly service: string;
  readonly port: number;
}

export interface DestinationQuery {
  /** Namespace of the client. */
  readonly namespace: string;
  /** Service id. */
  readonly service: string;
}
