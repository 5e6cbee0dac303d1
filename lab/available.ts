// Says whether this machine can run the lab.

/** Exit code of `isthmus lab` where the machine cannot run it, unlike a lab that failed (1) or wrong usage (2). */
export const UNAVAILABLE_EXIT_CODE = 3;

/** Why this machine cannot run the lab; undefined when it can. */
export function labUnavailableReason(
  machine: { platform: string; uid: number | undefined } = { platform: process.platform, uid: process.getuid?.() },
): string | undefined {
  if (machine.platform !== 'linux') return `the lab needs Linux; this machine runs ${machine.platform}`;
  if (machine.uid !== 0)
    return `the lab needs root: it makes network namespaces and runs containers (uid is ${machine.uid})`;
  return undefined;
}
