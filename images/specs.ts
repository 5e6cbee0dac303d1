// What goes into each image, and what it is made from.
import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ensureEnvoy } from '../tools/envoy.ts';
import { bundleAgent, bundleControl } from './bundle.ts';
import { fingerprint, type Inputs } from './fingerprint.ts';
import { addProgram, createSkeleton, findProgram, librariesOf } from './rootfs.ts';

export interface ImageSpec {
  readonly name: string;
  /** Built on the shared base image. */
  readonly onBase: boolean;
  inputs(): Promise<Inputs>;
  /** Directory of the build context that stays from one build to the next; `stage` sees to it that it is right. */
  readonly keep?: string;
  /** Fills the build context; the Dockerfile is already there. */
  stage(context: string): Promise<void>;
}

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const images = import.meta.dirname;
const nodeBinary = join(root, 'node_modules/node/bin/node');
const scripts = ['rootfs.ts', 'specs.ts', 'builder.ts', 'bundle.ts'].map((name) => join(images, name));
const SHELL_TOOLS = ['cat', 'date', 'dirname', 'env', 'head', 'id', 'ls', 'readlink', 'seq', 'sleep', 'tail', 'wc'];

/** Not an image of its own: Node, the C library and a shell below pilot, proxy and helloworld. */
export const base: ImageSpec = {
  name: 'base',
  onBase: false,
  inputs: async () => ({
    contents: [join(images, 'base'), ...['rootfs.ts', 'specs.ts'].map((name) => join(images, name))],
    stats: [nodeBinary],
  }),
  async stage(context) {
    const rootfs = join(context, 'rootfs');
    await createSkeleton(rootfs);
    await addProgram(rootfs, { from: nodeBinary, at: 'usr/local/bin/node', strip: true });
    await addProgram(rootfs, { from: await findProgram('dash', 'dash'), at: 'usr/bin/sh' });
    for (const tool of SHELL_TOOLS) {
      await addProgram(rootfs, { from: await findProgram(tool, 'coreutils'), at: `usr/bin/${tool}` });
    }
  },
};

const pilot: ImageSpec = {
  name: 'pilot',
  onBase: true,
  keep: 'modules',
  inputs: async () => ({
    contents: [
      ...scripts,
      join(images, 'pilot'),
      ...['package-lock.json', 'bin'].map((name) => join(root, name)),
      ...(await sourceDirs()),
    ],
    stats: [join(root, 'src/gen')],
  }),
  async stage(context) {
    const rootfs = join(context, 'rootfs');
    const home = join(rootfs, 'opt/isthmus');
    for (const dir of [...(await sourceDirs()), join(root, 'src/gen')]) {
      await cp(dir, join(home, dir.slice(root.length)), {
        recursive: true,
        filter: (path) => !/\.(test\.ts|d\.ts|map)$/.test(path),
      });
    }
    for (const file of ['package.json', 'bin/isthmus', 'bin/control-flags'])
      await cp(join(root, file), join(home, file));
    const bin = join(rootfs, 'usr/local/bin');
    await mkdir(bin, { recursive: true });
    await cp(join(images, 'pilot/pilot-discovery'), join(bin, 'pilot-discovery'));
    for (const name of ['isthmus', 'istioctl']) await symlink('/opt/isthmus/bin/isthmus', join(bin, name));

    await copyModules(join(context, 'modules'));
    await run('cp', ['--archive', '--link', join(context, 'modules/node_modules'), home]);
    await bundleControl(join(root, 'src'), join(home, 'dist/control'));
    await warmCompileCache(home);
  },
};

/** Compiles what the control plane loads, so that a pod neither strips types nor parses when it starts. */
async function warmCompileCache(home: string): Promise<void> {
  const cache = join(home, '.compile-cache');
  // Portable: found by place relative to the cache, since it is /opt/isthmus there.
  const env = { PATH: process.env.PATH, NODE_COMPILE_CACHE: cache, NODE_COMPILE_CACHE_PORTABLE: '1' };
  // Compiled code is of use only to a process with the same flags.
  const flags = (await readFile(join(home, 'bin/control-flags'), 'utf8')).trim().split(' ');
  const bundled = join(home, 'dist/control');
  await run(nodeBinary, [...flags, join(bundled, 'control.mjs'), '--help'], { env });
  for (const chunk of (await readdir(bundled)).filter((name) => name !== 'control.mjs')) {
    const load = `await import(${JSON.stringify(join(bundled, chunk))}); process.exit(0);`;
    await run(nodeBinary, [...flags, '--input-type=module', '--eval', load], { env });
  }
  await run('chmod', ['-R', 'a+rX', cache]);
}

const proxy: ImageSpec = {
  name: 'proxy',
  onBase: true,
  inputs: async () => ({
    contents: [
      ...scripts,
      ...['proxy', '../src/agent', '../src/lib', '../package-lock.json'].map((name) => join(images, name)),
    ],
    stats: [await ensureEnvoy()],
  }),
  async stage(context) {
    const rootfs = join(context, 'rootfs');
    const below = new Set(await librariesOf(nodeBinary));
    await addProgram(rootfs, { from: await ensureEnvoy(), at: 'usr/local/bin/envoy', strip: true }, below);
    await addProgram(rootfs, { from: await findProgram('nft', 'nftables'), at: 'usr/sbin/nft' }, below);
    await addProgram(rootfs, { from: await findProgram('ip', 'iproute2'), at: 'usr/sbin/ip' }, below);
    await addProgram(rootfs, { from: await findProgram('curl', 'curl'), at: 'usr/bin/curl' }, below);
    for (const dir of ['etc/istio/proxy', 'etc/istio/pod', 'var/lib/istio/data']) {
      await mkdir(join(rootfs, dir), { recursive: true });
      // Volumes cover them in a pod; outside of one they must be writable for any user.
      await chmod(join(rootfs, dir), 0o777);
    }
    await bundleAgent(join(root, 'src'), join(context, 'app/opt/isthmus-agent'));
    const bin = join(context, 'app/usr/local/bin');
    await mkdir(bin, { recursive: true });
    await cp(join(images, 'proxy/pilot-agent'), join(bin, 'pilot-agent'));
  },
};

const helloworld: ImageSpec = {
  name: 'helloworld',
  onBase: true,
  inputs: async () => ({ contents: [join(images, 'specs.ts'), join(images, 'helloworld')], stats: [] }),
  async stage(context) {
    await cp(join(images, 'helloworld/server.mjs'), join(context, 'app/opt/helloworld/server.mjs'));
  },
};

const sleep: ImageSpec = {
  name: 'sleep',
  onBase: false,
  inputs: async () => ({
    contents: [join(images, 'rootfs.ts'), join(images, 'specs.ts'), join(images, 'sleep')],
    stats: ['/usr/bin/curl'],
  }),
  async stage(context) {
    const rootfs = join(context, 'rootfs');
    await createSkeleton(rootfs);
    await addProgram(rootfs, { from: await findProgram('dash', 'dash'), at: 'usr/bin/sh' });
    await addProgram(rootfs, { from: await findProgram('curl', 'curl'), at: 'usr/bin/curl' });
    for (const tool of SHELL_TOOLS) {
      await addProgram(rootfs, { from: await findProgram(tool, 'coreutils'), at: `usr/bin/${tool}` });
    }
    await addProgram(rootfs, { from: await findProgram('grep', 'grep'), at: 'usr/bin/grep' });
  },
};

/** In the order in which they are built. */
export const IMAGES: readonly ImageSpec[] = [proxy, pilot, helloworld, sleep];

/** Source directories the control plane and the command line run from; `gen` is watched by size and time instead. */
async function sourceDirs(): Promise<string[]> {
  const names = (await readdir(join(root, 'src'))).filter((name) => name !== 'gen').sort();
  return [...names.map((name) => join(root, 'src', name)), join(root, 'samples')];
}

/** Production modules, as the lockfile says; Node itself is in the base image. Does nothing when they are there. */
async function copyModules(to: string): Promise<void> {
  const lockfile = join(root, 'package-lock.json');
  const marker = `${to}.key`;
  const key = await fingerprint({ contents: [lockfile, join(images, 'specs.ts')], stats: [] });
  if ((await readFile(marker, 'utf8').catch(() => '')) === key) return;
  await rm(to, { recursive: true, force: true });

  const lock = JSON.parse(await readFile(lockfile, 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
  };
  for (const [path, { dev, devOptional }] of Object.entries(lock.packages)) {
    const name = path.replace(/^node_modules\//, '');
    if (path === '' || dev || devOptional || name === 'node' || name.startsWith('node-')) continue;
    const target = join(to, path);
    await mkdir(dirname(target), { recursive: true });
    await cp(join(root, path), target, { recursive: true, filter: neededAtRunTime }).catch(
      (error: NodeJS.ErrnoException) => {
        // Optional packages for other platforms are in the lockfile and not on disk.
        if (error.code !== 'ENOENT') throw error;
      },
    );
  }
  await writeFile(marker, key);
}

function neededAtRunTime(path: string): boolean {
  return !/\.(d\.[cm]?ts|map|md|markdown|flow)$/i.test(path) && !/\/(test|tests|docs|examples|\.github)$/.test(path);
}
