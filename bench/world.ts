// Where the measured control plane reads its objects: a directory of files here, an API server in api-world.ts.
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Part } from './objects.ts';

/** Milliseconds on the clock that all processes of a machine share. */
export const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6;

export interface World {
  /** Writes a part and tells when the write was made: just before the rename, or before the request. */
  put(part: Part): Promise<number>;
  remove(part: Part): Promise<number>;
  /** The address that a Service has here, by the one that the objects give it. */
  clusterIp(given: string): string;
  /** Removes what it made, where that does not go by itself. */
  clean(): Promise<void>;
}

/** Files under a directory, each replaced by rename so that nobody sees half of one. */
export function fileWorld(directory: string): World {
  return {
    async put({ path, objects: changed, before = [] }) {
      const objects = [...before, ...changed];
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
    clusterIp: (given) => given,
    clean: async () => {},
  };
}
