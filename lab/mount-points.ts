// Directories of the host that the nodes mount over. They outlive the lab that made them while another lab needs them: the
// kernel lets a mount point be removed although it is in use in other mount namespaces, and then unmounts it there.
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { machineLock, withLock } from './lock.ts';
import { allPids, bootId } from './proc.ts';
import { listStates, saveState } from './state.ts';

/** Host paths that each node gets for itself: programs of several nodes would share them otherwise. */
export const PRIVATE_DIRS = [
  '/run/containerd',
  '/var/lib/kubelet',
  '/var/lib/cni',
  '/var/log/pods',
  '/var/log/containers',
];

/** Makes the mount points of {@link PRIVATE_DIRS} where absent; returns the topmost directories that it made. */
export function makeMountPoints(): string[] {
  return PRIVATE_DIRS.flatMap((dir) => mkdirSync(dir, { recursive: true }) ?? []);
}

/**
 * Gives up directories that a lab made and that is gone now: another lab in `labsDir` inherits them; without one they are
 * removed, unless they hold something or are mounted over anywhere on the machine.
 */
export async function releaseMountPoints(made: readonly string[], { labsDir }: { labsDir: string }): Promise<void> {
  if (made.length === 0) return;
  await withLock(machineLock, async () => {
    const heir = listStates(labsDir).find((state) => state.bootId === bootId());
    if (heir) {
      saveState({ plan: heir.plan, madeDirs: [...new Set([...heir.madeDirs, ...made])] });
      return;
    }
    const used = mountedAnywhere();
    for (const dir of made) {
      if ([...used].some((path) => path === dir || path.startsWith(`${dir}/`))) continue;
      removeEmpty(dir);
    }
  });
}

/** Mount points of every process, each as that process sees it. */
export function mountedAnywhere(): ReadonlySet<string> {
  return new Set(
    allPids().flatMap((pid) =>
      mountsOf(pid)
        .split('\n')
        .map((line) => line.split(' ')[4] ?? ''),
    ),
  );
}

function mountsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, 'utf8');
  } catch {
    return ''; // It ended.
  }
}

function removeEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // Not empty: someone else's things are in it.
  }
}
