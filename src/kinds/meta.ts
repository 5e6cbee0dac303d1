// Reads the metadata of an object down to what the mesh uses, and checks the parts that every kind shares.
import { type Problem, problem } from '../model/problem.ts';
import { internLabels } from './intern.ts';
import type { KubernetesObject, Labels, Meta } from './object.ts';

/** Annotations with these prefixes are kept; nobody reads any other. */
const KEPT_ANNOTATIONS = [
  'networking.istio.io/',
  'alpha.istio.io/',
  'sidecar.istio.io/',
  'traffic.sidecar.istio.io/',
  'proxy.istio.io/',
  'inject.istio.io/',
  'security.istio.io/',
  'internal.istio.io/',
  'istio.io/',
  'topology.istio.io/',
  'service.istio.io/',
];
/** Large values that only injection reads, from the pod it is given. */
const DROPPED_ANNOTATIONS = new Set(['sidecar.istio.io/status', 'proxy.istio.io/overrides', 'proxy.istio.io/config']);

/** The kept metadata of an object. Never throws; missing names become ''. */
export function readMeta(raw: KubernetesObject, options: { labels?: boolean } = {}): Meta {
  const meta = raw.metadata ?? {};
  return {
    name: text(meta.name),
    namespace: text(meta.namespace),
    labels: options.labels === false ? internLabels(undefined) : internLabels(meta.labels),
    annotations: keptAnnotations(meta.annotations),
    created:
      meta.creationTimestamp instanceof Date ? meta.creationTimestamp.toISOString() : text(meta.creationTimestamp),
  };
}

/** Problems with an object's name and namespace. */
export function checkMeta(raw: KubernetesObject, namespaced: boolean): Problem[] {
  const found: Problem[] = [];
  const name = raw.metadata?.name;
  if (typeof name !== 'string' || name === '') {
    found.push(problem('missing-name', 'metadata.name', 'Give the object a name.'));
  }
  if (namespaced && raw.metadata?.namespace !== undefined && typeof raw.metadata.namespace !== 'string') {
    found.push(problem('wrong-type', 'metadata.namespace', 'The namespace must be a string.'));
  }
  return found;
}

function keptAnnotations(annotations: unknown): Labels {
  if (typeof annotations !== 'object' || annotations === null) return internLabels(undefined);
  const kept = Object.entries(annotations).filter(
    ([name]) => !DROPPED_ANNOTATIONS.has(name) && KEPT_ANNOTATIONS.some((prefix) => name.startsWith(prefix)),
  );
  return internLabels(kept.length === 0 ? undefined : Object.fromEntries(kept));
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
