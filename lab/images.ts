// Images in the clusters' containerds: imports docker-archive tars, and skips what is there already.
import { existsSync } from 'node:fs';
import { ctr, snapshotterOf } from './containerd.ts';
import type { ClusterPlan } from './plan.ts';
import { run } from './run.ts';

/** What a docker-archive tar holds. */
export interface ArchiveImage {
  /** Names as the archive has them. */
  readonly tags: readonly string[];
  /** Normalised names, as a kubelet asks for them. */
  readonly names: readonly string[];
  /** Digest of the image's configuration: its identity. */
  readonly config: string;
}

/** The full form of an image name: registry `docker.io`, tag `latest` unless it says otherwise; `localhost/` is buildah's word for none. */
export function normalizeImageName(name: string): string {
  const bare = name.replace(/^localhost\//, '');
  const [first = '', ...rest] = bare.split('/');
  const hasRegistry = rest.length > 0 && (first.includes('.') || first.includes(':'));
  const path = hasRegistry ? bare : rest.length > 0 ? `docker.io/${bare}` : `docker.io/library/${bare}`;
  const last = path.slice(path.lastIndexOf('/'));
  return last.includes(':') || last.includes('@') ? path : `${path}:latest`;
}

/** Reads which images a docker-archive tar holds. */
export async function readArchive(file: string): Promise<ArchiveImage[]> {
  if (!existsSync(file)) throw new Error(`no such file: ${file}`);
  const { stdout } = await run('tar', ['-xOf', file, 'manifest.json']);
  const manifest = JSON.parse(stdout) as { Config: string; RepoTags?: string[] | null }[];
  return manifest.map(({ Config, RepoTags }) => ({
    tags: RepoTags ?? [],
    names: [...new Set((RepoTags ?? []).map(normalizeImageName))],
    config: `sha256:${Config.replace(/^.*\//, '').replace(/\.json$/, '')}`,
  }));
}

/** Imports a docker-archive into a cluster, unless the same images are there; resolves with whether it did. */
export async function importArchive(cluster: ClusterPlan, file: string, signal?: AbortSignal): Promise<boolean> {
  const images = await readArchive(file);
  if (images.every(({ names }) => names.length === 0)) {
    throw new Error(`${file}: no image in it has a name; build it with a tag`);
  }
  if (await hasImages(cluster, images)) return false;
  await ctr(cluster, ['images', 'import', '--snapshotter', snapshotterOf(cluster), file], signal);
  // containerd keeps buildah's "localhost/"; a kubelet asks for the name without it.
  const local = images.flatMap(({ tags }) => tags.filter((tag) => tag.startsWith('localhost/')));
  for (const tag of local) {
    await ctr(cluster, ['images', 'tag', '--force', tag, normalizeImageName(tag)], signal);
    await ctr(cluster, ['images', 'remove', tag], signal);
  }
  return true;
}

async function hasImages(cluster: ClusterPlan, images: readonly ArchiveImage[]): Promise<boolean> {
  const names = images.flatMap((image) => image.names.map((name) => ({ name, config: image.config })));
  const found = await Promise.all(
    names.map(async ({ name, config }) => (await configDigest(cluster, name)) === config),
  );
  return found.every(Boolean);
}

/** Digest of the configuration of an image in a cluster; undefined when it is not there. */
async function configDigest(cluster: ClusterPlan, name: string): Promise<string | undefined> {
  const listed = await ctr(cluster, ['images', 'list', `name==${name}`]);
  const digest = /sha256:[0-9a-f]{64}/.exec(listed)?.[0];
  if (!digest) return undefined;
  const manifest = JSON.parse(await ctr(cluster, ['content', 'get', digest])) as { config?: { digest?: string } };
  return manifest.config?.digest;
}
