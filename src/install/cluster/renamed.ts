// What an installation would change of who the cluster is: easily done by leaving out the file it was installed with.
import { read } from '../../k8s/apply.ts';
import type { ApiClient } from '../../k8s/rest.ts';
import type { Component } from '../generate.ts';
import { type Json, type Manifest, textAt } from '../json.ts';

export interface RenamedOptions {
  readonly api: ApiClient;
  readonly components: readonly Component[];
  readonly signal?: AbortSignal;
}

const INJECTOR = 'istio-sidecar-injector';
/** Paths in the values, and what stands for nothing said. */
const SETTINGS = { 'global.multiCluster.clusterName': 'Kubernetes', 'global.network': '', 'global.meshID': '' };

/**
 * One sentence for each setting that running proxies were started with and that would become another. Empty for a first
 * installation, and for one without a control plane, such as a gateway.
 */
export async function renamed({ api, components, signal }: RenamedOptions): Promise<string[]> {
  const next = components
    .flatMap(({ objects }) => objects)
    .find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith(INJECTOR));
  const now = next && (await read<Manifest>(api, next, signal));
  if (!now) return [];
  const [before, after] = [valuesOf(now), valuesOf(next)];
  return Object.entries(SETTINGS).flatMap(([path, fallback]) => {
    const [was, is] = [textAt(before, path, fallback), textAt(after, path, fallback)];
    if (was === is) return [];
    return [
      `values.${path} changes from "${was}" to "${is}": proxies that run were started with the old one, and may be refused ` +
        'until they are restarted; to keep it, give the document that the mesh was installed with (-f), or --set it.',
    ];
  });
}

/** The chart's values in the injector's ConfigMap; nothing where they cannot be read. */
function valuesOf(configMap: Manifest): Json | undefined {
  try {
    return JSON.parse(textAt(configMap, 'data.values', '{}')) as Json;
  } catch {
    return undefined;
  }
}
