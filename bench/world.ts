// Where the measured control plane reads its objects: a directory of files, or an API server.
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { loadKubeconfig } from '../src/k8s/kubeconfig.ts';
import { createApiClient } from '../src/k8s/rest.ts';
import type { KubernetesObject } from '../src/kinds/object.ts';
import { kindOf } from '../src/kinds/registry.ts';
import type { Part } from './objects.ts';

/** Milliseconds on the clock that all processes of a machine share. */
export const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6;

export interface World {
  /** Writes a part and tells when the write was made: just before the rename, or before the request. */
  put(part: Part): Promise<number>;
  remove(part: Part): Promise<number>;
}

/** Files under a directory, each replaced by rename so that nobody sees half of one. */
export function fileWorld(directory: string): World {
  return {
    async put({ path, objects }) {
      const file = join(directory, path);
      const temporary = join(dirname(file), `.${path.replaceAll('/', '-')}.tmp`);
      const value = objects.length === 1 ? objects[0] : { apiVersion: 'v1', kind: 'List', items: objects };
      await mkdir(dirname(file), { recursive: true });
      await writeFile(temporary, JSON.stringify(value));
      const at = monotonic();
      await rename(temporary, file);
      return at;
    },
    async remove({ path }) {
      const at = monotonic();
      await rm(join(directory, path), { force: true });
      return at;
    },
  };
}

/** Objects of an API server, created or replaced one after another. */
export async function apiWorld(kubeconfig: string, context: string | undefined): Promise<World> {
  const { access, problems } = await loadKubeconfig(kubeconfig, context);
  if (!access) throw new Error(`${kubeconfig}: ${problems.map(({ message }) => message).join(' ')}`);
  const client = createApiClient({ cluster: 'bench', access });
  const collection = (object: KubernetesObject): string => {
    const kind = kindOf(object.apiVersion, object.kind ?? '');
    if (!kind) throw new Error(`${object.kind}: not a kind that the mesh reads`);
    const group = object.apiVersion!.includes('/') ? `/apis/${object.apiVersion}` : `/api/${object.apiVersion}`;
    const namespace = kind.namespaced ? `/namespaces/${object.metadata!.namespace}` : '';
    return `${group}${namespace}/${kind.plural}`;
  };
  return { put: async (part) => write(part, 'PATCH'), remove: async (part) => write(part, 'DELETE') };

  async function write({ objects }: Part, method: 'PATCH' | 'DELETE'): Promise<number> {
    const at = monotonic();
    for (const object of objects) {
      const path = `${collection(object)}/${object.metadata!.name}`;
      if (method === 'DELETE') {
        await client.request({ method, path });
        continue;
      }
      // Server-side apply creates and replaces alike.
      const query = { fieldManager: 'isthmus-bench', force: true };
      await client.request({ method, path, query, contentType: 'application/apply-patch+yaml', body: object });
    }
    return at;
  }
}
