// Puts programs of this machine, with the libraries they load, into a directory that becomes an image's root.
import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Directories and accounts that programs expect. Uid 1337 is the proxy: capture lets its traffic pass. */
export async function createSkeleton(root: string): Promise<void> {
  for (const dir of ['usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64', 'usr/local/bin', 'etc/ssl/certs', 'var/run']) {
    await mkdir(join(root, dir), { recursive: true });
  }
  for (const dir of ['bin', 'sbin', 'lib', 'lib64']) await symlink(`usr/${dir}`, join(root, dir));
  await mkdir(join(root, 'tmp'));
  await chmod(join(root, 'tmp'), 0o1777);
  await writeFile(join(root, 'etc/passwd'), PASSWD);
  await writeFile(join(root, 'etc/group'), GROUP);
  await writeFile(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  // A machine without the package ca-certificates has none to give; nothing inside a mesh needs them.
  const roots = 'etc/ssl/certs/ca-certificates.crt';
  await copyFile(`/${roots}`, join(root, roots)).catch(ignoreMissing);
}

const PASSWD = `root:x:0:0:root:/:/bin/sh
app:x:1000:1000:app:/tmp:/bin/sh
istio-proxy:x:1337:1337:istio-proxy:/tmp:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
`;
const GROUP = 'root:x:0:\napp:x:1000:\nistio-proxy:x:1337:\nnobody:x:65534:\n';

/** Libraries that `binary` loads, as absolute paths. */
export async function librariesOf(binary: string): Promise<string[]> {
  const { stdout } = await run('ldd', [binary]).catch(() => ({ stdout: '' }));
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1]!);
}

/**
 * Copies a program to `at` below the root with its libraries, leaving out those in `except` (a layer below has them).
 * Libraries found beside the program (`$ORIGIN`) are not followed.
 */
export async function addProgram(
  root: string,
  program: { from: string; at: string; strip?: boolean },
  except?: Set<string>,
): Promise<void> {
  const target = join(root, program.at);
  await mkdir(dirname(target), { recursive: true });
  await copyFile(await realpath(program.from), target);
  // Without binutils the image is larger and works the same.
  if (program.strip) await run('strip', [target]).catch(ignoreMissing);
  for (const library of await librariesOf(program.from)) {
    if (!except?.has(library)) await addFile(root, library);
  }
}

/** Copies the file that `path` leads to. /lib and /lib64 are links into /usr, as on Debian. */
export async function addFile(root: string, path: string): Promise<void> {
  const target = join(root, path.replace(/^\/(lib|lib64|bin|sbin)\//, '/usr/$1/'));
  await mkdir(dirname(target), { recursive: true });
  await copyFile(await realpath(path), target);
}

/** Where this machine has a program; throws with the Debian package to install. */
export async function findProgram(name: string, debianPackage: string): Promise<string> {
  for (const dir of ['/usr/bin', '/usr/sbin', '/bin', '/sbin', '/usr/local/bin']) {
    const path = await realpath(join(dir, name)).catch(() => undefined);
    if (path) return join(dir, name);
  }
  throw new Error(`images: '${name}' is not on this machine; install the Debian package ${debianPackage}`);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
