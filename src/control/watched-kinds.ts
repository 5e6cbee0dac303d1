// Which objects are read from which cluster: everything the mesh is made of, and no more.

import { CONFIG_MAP, SECRET } from '../k8s/resources.ts';
import type { Kind } from '../kinds/kind.ts';
import { kinds } from '../kinds/registry.ts';
import { caBundleWatches } from './ca-bundles.ts';
import type { WatchedKind } from './cluster-watch.ts';
import { REMOTE_SECRET_SELECTOR } from './remote-secrets.ts';
import { ROOT_WATCH } from './root-publisher.ts';

export interface WatchedKindsOptions {
  /** The cluster whose Istio objects are in force. */
  readonly config: boolean;
  readonly namespace: string;
  readonly remoteSecretsNamespace: string;
  readonly revision: string;
}

/** Read by name or label only, below. */
const APART = new Set(['secret', 'configMap']);

/** Kinds to watch in one cluster. */
export function watchedKinds(options: WatchedKindsOptions): WatchedKind[] {
  const everywhere = kinds.filter((kind) => !APART.has(kind.id) && (kind.from === 'every' || options.config));
  const common = [...everywhere.map(watched), ROOT_WATCH, ...caBundleWatches(options.revision)];
  if (!options.config) return common;
  return [
    ...common,
    { resource: CONFIG_MAP, namespace: options.namespace },
    { resource: SECRET, namespace: options.remoteSecretsNamespace, labelSelector: REMOTE_SECRET_SELECTOR },
    { resource: SECRET, namespace: options.namespace, fieldSelector: 'metadata.name=cacerts', optional: true },
    // Credentials of gateways. A Secret of another type is no business of ours.
    { resource: SECRET, fieldSelector: 'type=kubernetes.io/tls', optional: true },
    { resource: SECRET, fieldSelector: 'type=Opaque', optional: true },
  ];
}

function watched(kind: Kind): WatchedKind {
  const version = kind.versions[0]!;
  const apiVersion = kind.group ? `${kind.group}/${version}` : version;
  return { resource: { apiVersion, kind: kind.kind, plural: kind.plural, namespaced: kind.namespaced } };
}
