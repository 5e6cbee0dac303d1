// Objects of all clusters in, the mesh out: the door through which every change enters the graph.
import type { Family, Graph, Input } from '../graph/graph.ts';
import type { Kind } from '../kinds/kind.ts';
import { type KubernetesObject, type ObjectName, objectKey, splitKey } from '../kinds/object.ts';
import { KINDS, kindOf } from '../kinds/registry.ts';
import type { Problem } from '../model/problem.ts';
import type { AuthorizationPolicy, PeerAuthentication, RequestAuthentication } from '../model/security.ts';
import { defineAuthorizationPolicies } from './authorization-policy.ts';
import { type DestinationFamilies, defineDestinations } from './destination-rule.ts';
import { defineEndpoints, type EndpointFamilies } from './endpoints.ts';
import { defineGateways, type GatewayFamilies } from './gateway.ts';
import { type ByNamespace, type ClusterInfo, defineByNamespace, defineInputs, type MeshInputs } from './inputs.ts';
import { decodeMeshConfig, defineMeshFacts, type MeshFacts } from './mesh-config.ts';
import { definePeerAuthentications } from './peer-authentication.ts';
import { defineJwksUris, defineRequestAuthentications } from './request-authentication.ts';
import { defineServices, type ServiceFamilies } from './services.ts';
import { defineSubsetUse, type SubsetUseFamilies } from './subset-use.ts';
import { defineRules, type RuleFamilies } from './virtual-service.ts';

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
export interface Mesh
  extends MeshFacts,
    ServiceFamilies,
    RuleFamilies,
    EndpointFamilies,
    DestinationFamilies,
    SubsetUseFamilies,
    GatewayFamilies {
  readonly graph: Graph;
  readonly configCluster: string;
  readonly domain: string;
  readonly inputs: MeshInputs;
  /** Namespace → keys, for every kind. */
  readonly inNamespace: ByNamespace;

  /** Policies of a namespace, oldest first. */
  readonly peerAuthentications: Family<string, readonly PeerAuthentication[]>;
  readonly authorizationPolicies: Family<string, readonly AuthorizationPolicy[]>;
  readonly requestAuthentications: Family<string, readonly RequestAuthentication[]>;
  /** URIs whose key sets belong into `inputs.jwks`, sorted. Key ''. */
  readonly jwksUris: Family<string, readonly string[]>;

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
  /** Namespace of the client; '' for clients that see only what everybody sees. */
  readonly namespace: string;
  /** Service id. */
  readonly service: string;
  /** Labels of the client that rules with a workloadSelector may ask for. */
  readonly labels?: Readonly<Record<string, string>>;
}

export function createMesh(graph: Graph, { configCluster, domain = 'cluster.local' }: MeshOptions): Mesh {
  const inputs = defineInputs(graph);
  const inNamespace = defineByNamespace(graph, inputs);
  const facts = defineMeshFacts(graph, inputs, domain);
  const base = { graph, inputs, inNamespace, facts, configCluster, domain };
  const services = defineServices(base);

  const setProblems = (kind: Kind, key: string, problems: readonly Problem[]) => {
    const id = `${kind.kind}/${key}`;
    if (problems.length === 0) {
      inputs.problems.delete(id);
    } else {
      const object = { kind: kind.kind, ...splitKey(key) };
      inputs.problems.set(
        id,
        problems.map((p) => ({ ...p, object })),
      );
    }
  };

  const apply = (cluster: string, raw: KubernetesObject): void => {
    const kind = kindOf(raw.apiVersion, raw.kind ?? '');
    if (!kind || (kind.from === 'config' && cluster !== configCluster)) return;
    const key = objectKey(cluster, kind.namespaced ? (raw.metadata?.namespace ?? '') : '', raw.metadata?.name ?? '');
    const { value, problems } = kind.decode(raw);
    graph.batch(() => {
      if (value !== undefined) (inputs[kind.id] as Input<unknown>).set(key, value);
      setProblems(kind, key, problems);
    });
  };

  const remove = (cluster: string, { apiVersion, kind: name, namespace, name: own }: ObjectName): void => {
    const kind = kindOf(apiVersion, name);
    if (!kind) return;
    const key = objectKey(cluster, kind.namespaced ? namespace : '', own);
    graph.batch(() => {
      inputs[kind.id].delete(key);
      setProblems(kind, key, []);
    });
  };

  return {
    graph,
    configCluster,
    domain,
    inputs,
    inNamespace,
    ...facts,
    ...services,
    ...defineRules(base),
    ...defineEndpoints({ ...base, service: services.service }),
    ...defineDestinations(base),
    ...defineSubsetUse(base),
    ...defineGateways(base),
    peerAuthentications: definePeerAuthentications(graph, inputs, inNamespace),
    authorizationPolicies: defineAuthorizationPolicies(graph, inputs, inNamespace),
    requestAuthentications: defineRequestAuthentications(graph, inputs, inNamespace),
    jwksUris: defineJwksUris(graph, inputs),
    apply,
    remove,
    removeCluster(cluster) {
      graph.batch(() => {
        for (const kind of Object.values(KINDS)) {
          const input = inputs[kind.id] as Input<unknown>;
          const keys = [...input.entries()].map(([key]) => key).filter((key) => splitKey(key).cluster === cluster);
          for (const key of keys) {
            input.delete(key);
            setProblems(kind, key, []);
          }
        }
        inputs.cluster.delete(cluster);
      });
    },
    setMeshConfig(input) {
      const { value, problems } = decodeMeshConfig(input);
      if (value) inputs.meshConfig.set('', value);
      return problems;
    },
    setCluster: (cluster, info) => inputs.cluster.set(cluster, info),
  };
}
