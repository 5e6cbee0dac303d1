// The program that turns a Dockerfile into an image: buildah where it is installed, docker elsewhere. Neither needs a registry.
import { execFile } from 'node:child_process';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);

export interface Builder {
  readonly name: 'buildah' | 'docker';
  /** How a Dockerfile of ours refers to a locally built image. */
  reference(tag: string): string;
  has(tag: string): Promise<boolean>;
  build(options: { readonly tag: string; readonly context: string; readonly base?: string }): Promise<void>;
  /** Writes a docker-archive that `ctr images import` and `docker load` take. */
  save(tag: string, file: string): Promise<void>;
}

/** Throws when neither is there. `cache` holds buildah's storage, apart from that of other users of the machine. */
export async function findBuilder(cache: string): Promise<Builder> {
  if (await works('buildah', ['--version'])) return buildah(await storageOptions(cache));
  if (await works('docker', ['version', '--format', '{{.Server.Version}}'])) return docker();
  throw new Error('images: neither buildah nor a running docker was found; install the Debian package buildah');
}

/** Overlay mounts where the machine can do them; vfs, which copies everything, works everywhere. */
async function storageOptions(cache: string): Promise<string[]> {
  const options = (driver: string) => [
    ...['--root', join(cache, `storage-${driver}`)],
    ...['--runroot', join(cache, `run-${driver}`)],
    ...['--storage-driver', driver],
  ];
  const asked = process.env.STORAGE_DRIVER;
  if (asked) return options(asked);
  return (await works('buildah', [...options('overlay'), 'images'])) ? options('overlay') : options('vfs');
}

function buildah(storage: readonly string[]): Builder {
  const run = (...args: string[]) => call('buildah', [...storage, ...args]);
  return {
    name: 'buildah',
    reference: (tag) => `localhost/${tag}`,
    has: (tag) => works('buildah', [...storage, 'inspect', '--type', 'image', `localhost/${tag}`]),
    async build({ tag, context, base }) {
      const from = base ? ['--build-arg', `BASE=${base}`] : [];
      // One layer above the base: with vfs every layer is a full copy. A fixed time keeps digests equal.
      await run(
        'bud',
        '--quiet',
        '--isolation',
        'chroot',
        '--layers=false',
        '--timestamp',
        '0',
        ...from,
        '-t',
        tag,
        context,
      );
      await run('rmi', '--prune').catch(() => {});
    },
    async save(tag, file) {
      await rm(`${file}.part`, { force: true });
      await run('push', '--quiet', `localhost/${tag}`, `docker-archive:${file}.part:${tag}`);
      await rename(`${file}.part`, file);
    },
  };
}

function docker(): Builder {
  return {
    name: 'docker',
    reference: (tag) => tag,
    has: (tag) => works('docker', ['image', 'inspect', tag]),
    async build({ tag, context, base }) {
      await call('docker', ['build', '--quiet', ...(base ? ['--build-arg', `BASE=${base}`] : []), '-t', tag, context]);
    },
    async save(tag, file) {
      await call('docker', ['save', '-o', `${file}.part`, tag]);
      await rename(`${file}.part`, file);
    },
  };
}

async function works(program: string, args: readonly string[]): Promise<boolean> {
  return exec(program, args).then(
    () => true,
    () => false,
  );
}

async function call(program: string, args: readonly string[]): Promise<void> {
  await exec(program, args, { maxBuffer: 64 << 20 }).catch((error: { stderr?: string; message: string }) => {
    const reason = (error.stderr || error.message).trim().split('\n').slice(-15).join('\n');
    throw new Error(`images: ${program} ${args.join(' ')}\n${reason}`);
  });
}
