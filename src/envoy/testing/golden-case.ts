// One golden case: objects and a proxy in, everything the proxy would be served out.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { Graph } from '../../graph/graph.ts';
import { createMesh } from '../../ingest/mesh.ts';
import type { KubernetesObject } from '../../kinds/object.ts';
import { SDS_DIR } from '../../lib/paths.ts';
import type { Problem } from '../../model/problem.ts';
import type { Proxy as ConnectedProxy } from '../../model/proxy.ts';
import { defineClasses } from '../../view/class.ts';
import type { Encoded, ResourceType } from '../resource.ts';
import { defineResources } from '../resources.ts';

/** The first document of `input.yaml` when its kind is `Case`: all fields have defaults. */
export interface CaseHeader {
  readonly kind: 'Case';
  readonly proxy?: Partial<ConnectedProxy>;
  readonly meshConfig?: unknown;
  /** Resource parts to look at, by the start of their name; default all outbound ones. */
  readonly parts?: readonly string[];
  /** Networks by cluster; default one network. */
  readonly networks?: Readonly<Record<string, string>>;
}

export interface GoldenCase {
  readonly header: CaseHeader;
  readonly objects: readonly { readonly cluster: string; readonly object: KubernetesObject }[];
}

/** Names the cluster that an object of a case is in; `cluster1` otherwise. */
export const CLUSTER_ANNOTATION = 'golden/cluster';

export function readCase(folder: string): GoldenCase {
  const documents = parseAllDocuments(readFileSync(join(folder, 'input.yaml'), 'utf8')).map((d) => d.toJS());
  const [first] = documents;
  const header: CaseHeader = first?.kind === 'Case' ? first : { kind: 'Case' };
  const objects = documents
    .filter((d) => d && d.kind !== 'Case')
    .map((object: KubernetesObject) => ({
      cluster: object.metadata?.annotations?.[CLUSTER_ANNOTATION] ?? 'cluster1',
      object,
    }));
  return { header, objects };
}

export interface Generated {
  readonly clusters: readonly Encoded[];
  readonly endpoints: readonly Encoded[];
  readonly listeners: readonly Encoded[];
  readonly routes: readonly Encoded[];
  readonly virtualHosts: readonly Encoded[];
  readonly extensions: readonly Encoded[];
  readonly problems: readonly Problem[];
}

export interface GenerateOptions {
  /** Where the proxy's certificates would be; default as in a pod. */
  readonly sdsDir?: string;
  /** References in CDS and LDS are followed by these; they find names of endpoint sets, route tables and filters. */
  readonly references: (resources: { clusters: readonly Encoded[]; listeners: readonly Encoded[] }) => {
    endpoints: readonly string[];
    routes: readonly string[];
    extensions: readonly string[];
  };
}

/** Everything that the case's proxy is served, as it would subscribe: CDS, then EDS; LDS, then RDS. */
export function generate({ header, objects }: GoldenCase, options: GenerateOptions): Generated {
  const graph = new Graph({ audit: false });
  const mesh = createMesh(graph, { configCluster: 'cluster1' });
  const classes = defineClasses(graph, mesh);
  const types = defineResources(graph, mesh);
  const problems: Problem[] = [];
  graph.batch(() => {
    problems.push(...mesh.setMeshConfig(header.meshConfig ?? {}));
    const clusters = new Set(['cluster1', ...objects.map((o) => o.cluster)]);
    for (const name of clusters) {
      mesh.setCluster(name, { network: header.networks?.[name] ?? 'network1', synced: true });
    }
    for (const { cluster, object } of objects) mesh.apply(cluster, object);
  });
  const id = classes.classify(proxyOf(header.proxy ?? {}, options.sdsDir));
  const wanted = header.parts ?? ['outbound', 'endpoints', 'virtual hosts'];
  const type = (suffix: string): ResourceType => types.find((t) => t.typeUrl.endsWith(`.${suffix}`))!;
  const parts = (t: ResourceType) => t.parts.filter((p) => wanted.some((w) => p.name.startsWith(w)));
  const listed = (t: ResourceType): Encoded[] => {
    const found = new Map<string, Encoded>();
    for (const part of parts(t)) {
      const scope = graph.read(part.scope, id);
      for (const name of part.list ? graph.read(part.list, scope) : []) {
        const resource = found.has(name) ? undefined : graph.read(part.get, { scope, name });
        if (resource) found.set(name, resource);
      }
    }
    return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  };
  const named = (t: ResourceType, names: readonly string[]): Encoded[] =>
    [...new Set(names)].sort().flatMap((name) => {
      for (const part of parts(t)) {
        const resource = graph.read(part.get, { scope: graph.read(part.scope, id), name });
        if (resource) return [resource];
      }
      return [];
    });
  const clusters = listed(type('Cluster'));
  const listeners = listed(type('Listener'));
  const { endpoints, routes, extensions } = options.references({ clusters, listeners });
  for (const [, found] of mesh.inputs.problems.entries()) problems.push(...found);
  return {
    clusters,
    endpoints: named(type('ClusterLoadAssignment'), endpoints),
    listeners,
    routes: named(type('RouteConfiguration'), routes),
    virtualHosts: listed(type('VirtualHost')),
    extensions: named(type('TypedExtensionConfig'), extensions),
    problems,
  };
}

function proxyOf(given: Partial<ConnectedProxy>, sdsDir = SDS_DIR): ConnectedProxy {
  const namespace = given.namespace ?? 'default';
  return {
    id: `sidecar~10.1.0.99~client.${namespace}~${namespace}.svc.cluster.local`,
    type: 'sidecar',
    addresses: ['10.1.0.99'],
    instance: 'client',
    namespace,
    cluster: 'cluster1',
    network: 'network1',
    serviceAccount: 'default',
    labels: { app: 'client' },
    locality: { region: '', zone: '', subzone: '' },
    node: '',
    domain: `${namespace}.svc.cluster.local`,
    version: '1.40.0',
    istioVersion: '1.28.0',
    ...given,
    metadata: { ISTHMUS_SDS_DIR: sdsDir, ...given.metadata },
  };
}
