// The graph's inputs: one cell per object of every kind, and the indexes that other values look objects up by.

import type { MeshConfig } from '../gen/mesh/v1alpha1/config_pb.js';
import type { Graph, Index, Input } from '../graph/graph.ts';
import type { KindName } from '../kinds/kind.ts';
import { splitKey } from '../kinds/object.ts';
import { KINDS } from '../kinds/registry.ts';
import type { Problem } from '../model/problem.ts';

type ValueOf<K extends KindName> = NonNullable<ReturnType<(typeof KINDS)[K]['decode']>['value']>;

/** One input per kind, keyed `cluster/namespace/name`. */
export type KindInputs = { readonly [K in KindName]: Input<ValueOf<K>> };

export interface ClusterInfo {
  readonly network: string;
  /** Its first list has been read; until then nothing may be concluded from what is absent. */
  readonly synced: boolean;
}

export interface MeshInputs extends KindInputs {
  /** Key ''. With Istio's defaults filled in. */
  readonly meshConfig: Input<MeshConfig>;
  /** Key: URI. Key sets that token verification needs, as text; fetched by whoever runs the mesh. */
  readonly jwks: Input<string>;
  /** Key: cluster name. */
  readonly cluster: Input<ClusterInfo>;
  /** Problems found while decoding; key `kind/cluster/namespace/name`. Absent when there are none. */
  readonly problems: Input<readonly Problem[]>;
}

/** Namespace → sorted keys of the objects of a kind in it, over all clusters. */
export type ByNamespace = { readonly [K in KindName]: Index };

export function defineInputs(graph: Graph): MeshInputs {
  const byKind = Object.fromEntries(Object.keys(KINDS).map((id) => [id, graph.input(id)]));
  return {
    ...(byKind as unknown as KindInputs),
    meshConfig: graph.input('meshConfig'),
    jwks: graph.input('jwks'),
    cluster: graph.input('cluster'),
    problems: graph.input('problems'),
  };
}

export function defineByNamespace(graph: Graph, inputs: MeshInputs): ByNamespace {
  return Object.fromEntries(
    (Object.keys(KINDS) as KindName[]).map((id) => [
      id,
      graph.index(inputs[id] as Input<unknown>, `${id}ByNamespace`, (_, key) => [splitKey(key).namespace]),
    ]),
  ) as unknown as ByNamespace;
}
