// Which ProxyConfig resources apply to a pod, as one layer of proxy configuration.
import type { ProxyConfigConfig } from '../kinds/proxy-config.ts';
import { own } from './json.ts';
import type { ProxyConfig } from './mesh.ts';
import { mergeProxyConfig } from './mesh.ts';
import type { StringMap } from './pod.ts';

export interface ProxyConfigQuery {
  readonly namespace: string;
  readonly labels: StringMap;
  /** Resources without selector in this namespace are for the whole mesh. */
  readonly rootNamespace: string;
}

/**
 * Mesh-wide, then the namespace's, then the workload's; a narrower one wins field by field, environment by name. Of
 * several that are equally narrow the oldest counts, as in Istio. Undefined when none applies.
 */
export function proxyConfigFor(
  resources: Iterable<ProxyConfigConfig>,
  query: ProxyConfigQuery,
): ProxyConfig | undefined {
  const { namespace, labels, rootNamespace } = query;
  const oldest: (ProxyConfigConfig | undefined)[] = [undefined, undefined, undefined];
  for (const resource of resources) {
    const selector = Object.entries(resource.spec.selector?.matchLabels ?? {});
    const here = resource.meta.namespace === namespace;
    let rank = -1;
    if (selector.length > 0) rank = here && selector.every(([key, value]) => own(labels, key) === value) ? 2 : -1;
    else if (here) rank = namespace === rootNamespace ? 0 : 1;
    else if (resource.meta.namespace === rootNamespace) rank = 0;
    const other = oldest[rank];
    if (rank >= 0 && (!other || isOlder(resource, other))) oldest[rank] = resource;
  }
  const layers = oldest.filter((resource) => resource !== undefined).map(layerOf);
  return layers.length > 0 ? layers.reduce(mergeProxyConfig) : undefined;
}

function layerOf({ spec }: ProxyConfigConfig): ProxyConfig {
  return {
    ...(spec.concurrency === undefined ? {} : { concurrency: spec.concurrency }),
    ...(spec.image === undefined ? {} : { image: { imageType: spec.image.imageType } }),
    proxyMetadata: spec.environmentVariables,
  };
}

function isOlder(a: ProxyConfigConfig, b: ProxyConfigConfig): boolean {
  return a.meta.created === b.meta.created ? a.meta.name < b.meta.name : a.meta.created < b.meta.created;
}
