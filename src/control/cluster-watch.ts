// Everything that is watched in one cluster, and whether it has all been read.

import type { ResourceKind } from '../k8s/object.ts';
import { type Reflector, type ReflectorState, startReflector } from '../k8s/reflector.ts';
import type { ApiClient } from '../k8s/rest.ts';
import type { KubernetesObject, ObjectName } from '../kinds/object.ts';

export interface WatchedKind {
  readonly resource: ResourceKind;
  /** Only this namespace; every one unless given. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** The cluster counts as read without it: it may be forbidden there, and only duties of ours depend on it. */
  readonly optional?: boolean;
}

export interface ClusterSink {
  apply(object: KubernetesObject): void;
  remove(name: ObjectName): void;
}

/** Keys by position in the list of kinds. */
export type WatchedKeys = readonly (readonly string[])[];

export interface ClusterWatchOptions {
  readonly client: ApiClient;
  readonly kinds: readonly WatchedKind[];
  readonly sink: ClusterSink;
  readonly onState?: (state: ReflectorState) => void;
  readonly onFailure?: (kind: string) => void;
  /** What an earlier watch of the same kinds has told the sink. */
  readonly inherited?: WatchedKeys;
}

export interface ClusterWatch extends Disposable {
  readonly states: readonly ReflectorState[];
  readonly synced: boolean;
  /** Resolves when every needed kind has been listed once. */
  readonly whenSynced: Promise<void>;
  /** For a watch that takes over from this one. */
  keys(): WatchedKeys;
}

/** Starts watching; a failing kind delays nothing but itself. */
export function watchCluster({
  client,
  kinds,
  sink,
  onState,
  onFailure,
  inherited = [],
}: ClusterWatchOptions): ClusterWatch {
  const reflectors: Reflector[] = [];
  const needed: Reflector[] = [];
  for (const [index, { resource, optional, ...where }] of kinds.entries()) {
    const reflector = startReflector({
      client,
      resource,
      ...where,
      sink,
      onChange: onState,
      onFailure: () => onFailure?.(resource.kind),
      inherited: inherited[index],
    });
    reflectors.push(reflector);
    if (!optional) needed.push(reflector);
  }
  return {
    get states() {
      return reflectors.map((reflector) => reflector.state);
    },
    get synced() {
      return needed.every((reflector) => reflector.state.synced);
    },
    whenSynced: Promise.all(needed.map((reflector) => reflector.synced)).then(() => {}),
    keys: () => reflectors.map((reflector) => reflector.keys()),
    [Symbol.dispose]() {
      for (const reflector of reflectors) reflector[Symbol.dispose]();
    },
  };
}
