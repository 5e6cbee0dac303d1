// Programs that the lab takes from the distribution.
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Progress } from './progress.ts';
import { run } from './run.ts';

/** Each program (or file) and the Debian package that brings it. */
const NEEDED: readonly { readonly has: string; readonly package: string }[] = [
  { has: 'containerd', package: 'containerd' },
  { has: 'ctr', package: 'containerd' },
  { has: 'runc', package: 'runc' },
  { has: '/usr/lib/cni/bridge', package: 'containernetworking-plugins' },
  { has: 'buildah', package: 'buildah' },
  { has: 'nft', package: 'nftables' },
  { has: 'iptables', package: 'iptables' },
  { has: 'conntrack', package: 'conntrack' },
  { has: 'socat', package: 'socat' },
  { has: 'ip', package: 'iproute2' },
  { has: 'ethtool', package: 'ethtool' },
  { has: 'nsenter', package: 'util-linux' },
  // The tests look at what is on the wire.
  { has: 'tcpdump', package: 'tcpdump' },
  { has: 'tar', package: 'tar' },
  // A kernel without modules has all that it will ever have.
  ...(existsSync(`/lib/modules/${release()}`) ? [{ has: 'modprobe', package: 'kmod' }] : []),
];

/** Debian packages that are missing on this machine. */
export function missingPackages(
  needed: readonly { readonly has: string; readonly package: string }[] = NEEDED,
  path = process.env.PATH ?? '',
): string[] {
  const dirs = [...path.split(delimiter), '/usr/sbin', '/sbin'];
  const present = (name: string) =>
    name.startsWith('/') ? existsSync(name) : dirs.some((dir) => existsSync(join(dir, name)));
  return [...new Set(needed.filter(({ has }) => !present(has)).map((entry) => entry.package))];
}

/** Installs with apt what is missing. */
export async function installPackages(
  progress: Progress,
  { log, signal }: { log: string; signal?: AbortSignal },
): Promise<void> {
  const missing = missingPackages();
  if (missing.length === 0) return;
  if (!existsSync('/usr/bin/apt-get')) {
    throw new Error(
      `the lab needs programs of the Debian packages ${missing.join(', ')}; install them and run this again`,
    );
  }
  const options = { env: { DEBIAN_FRONTEND: 'noninteractive' }, log, signal };
  await progress.step(`install ${missing.join(' ')}`, async () => {
    const install = () =>
      run(
        'apt-get',
        ['install', '-y', '-o', 'DPkg::Lock::Timeout=300', '-q', '--no-install-recommends', ...missing],
        options,
      );
    // Package lists may be absent or old: they are fetched when the first try fails.
    await install().catch(async () => {
      await run('apt-get', ['update', '-q'], options);
      await install();
    });
  });
}
