// Finds the archive behind what a user names: a tar file, an image of this checkout, or one in a local image store.
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.ts';
import { cacheDir } from './paths.ts';
import type { Progress } from './progress.ts';
import { run, tryRun } from './run.ts';

/** Path of a docker-archive for a file or image name. Images `isthmus/…` are built when their sources changed. Throws when there is none. */
export async function imageArchive(
  image: string,
  options: { progress: Progress; signal?: AbortSignal },
): Promise<string> {
  if (existsSync(image)) return image;
  if (image.endsWith('.tar')) throw new Error(`no such file: ${image}`);
  const own = /^(?:docker\.io\/)?isthmus\/([a-z0-9-]+)(?::latest)?$/.exec(image)?.[1];
  return own ? buildOwn(own, options) : exportLocal(image, options);
}

async function buildOwn(
  name: string,
  { progress, signal }: { progress: Progress; signal?: AbortSignal },
): Promise<string> {
  const { buildImages } = await import('../images/build.ts');
  const onWait = () => progress.note('waiting for another build of images');
  const lock = join(cacheDir(), 'images', 'build.lock');
  const [built] = await withLock(lock, () => buildImages({ names: [name] }), { signal, onWait });
  if (!built) throw new Error(`isthmus/${name} is not an image of this checkout`);
  return built.tar;
}

/** Takes an image out of docker's or buildah's store. */
async function exportLocal(image: string, { signal }: { signal?: AbortSignal }): Promise<string> {
  const dir = join(cacheDir(), 'lab', 'exported');
  const file = join(dir, `${image.replace(/[^\w.-]/g, '_')}.tar`);
  mkdirSync(dir, { recursive: true });
  rmSync(file, { force: true });
  if (await tryRun('docker', ['save', '--output', file, image], { signal })) return file;
  try {
    await run('buildah', ['push', image, `docker-archive:${file}:${image}`], { signal });
    return file;
  } catch (error) {
    throw new Error(`no file and no image "${image}" in docker's or buildah's store\n${(error as Error).message}`, {
      cause: error,
    });
  }
}
