// Tells whether what an image is made from has changed: contents of our sources, size and time of large or generated files.
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface Inputs {
  /** Files and directories of which every byte counts. */
  readonly contents: readonly string[];
  /** Files and directories too large to read each time. */
  readonly stats: readonly string[];
}

/** A short hash; a missing path counts as such. Test files are not part of an image. */
export async function fingerprint(inputs: Inputs): Promise<string> {
  const hash = createHash('sha256');
  for (const path of inputs.contents) {
    for (const file of await filesBelow(path)) hash.update(`${file}\0`).update(await readFile(file));
  }
  for (const path of inputs.stats) {
    for (const file of await filesBelow(path)) {
      const { size, mtimeMs } = await stat(file);
      hash.update(`${file}\0${size}\0${mtimeMs}\0`);
    }
  }
  return hash.digest('hex').slice(0, 16);
}

/** All files below a path (or the path itself), in a stable order. */
export async function filesBelow(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return [];
  if (!found.isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !/\.test\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
