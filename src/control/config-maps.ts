// The ConfigMaps that configure a revision: `istio` (MeshConfig) and `istio-sidecar-injector` (templates and values).
import type { KubernetesObject } from '../kinds/object.ts';

export interface InjectorConfigMap {
  /** YAML of the injection configuration: policy, templates. */
  readonly config: string;
  /** JSON of the installation's values. */
  readonly values: string;
}

export interface ConfigMapsOptions {
  readonly namespace: string;
  readonly revision: string;
  /** The MeshConfig as written, with the networks of `meshNetworks`; undefined when the ConfigMap is gone. */
  readonly onMesh: (text: string | undefined) => void;
  readonly onInjector: (config: InjectorConfigMap | undefined) => void;
}

export interface ConfigMaps {
  /** Takes any ConfigMap of the config cluster; true when it was one of ours. */
  apply(object: KubernetesObject): boolean;
  remove(namespace: string, name: string): boolean;
}

/** Names with the revision's suffix; the default revision has none. */
export function revisioned(name: string, revision: string): string {
  return revision === '' || revision === 'default' ? name : `${name}-${revision}`;
}

export function createConfigMaps(options: ConfigMapsOptions): ConfigMaps {
  const mesh = revisioned('istio', options.revision);
  const injector = revisioned('istio-sidecar-injector', options.revision);
  const take = (namespace: string, name: string, data: Readonly<Record<string, string>> | undefined): boolean => {
    if (namespace !== options.namespace) return false;
    if (name === mesh) options.onMesh(data?.mesh);
    else if (name === injector) {
      options.onInjector(data && { config: data.config ?? '', values: data.values ?? '{}' });
    } else return false;
    return true;
  };
  return {
    apply(object) {
      const { data } = object as { data?: Readonly<Record<string, string>> };
      return take(object.metadata?.namespace ?? '', object.metadata?.name ?? '', data ?? {});
    },
    remove: (namespace, name) => take(namespace, name, undefined),
  };
}
