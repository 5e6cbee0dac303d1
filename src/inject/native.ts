// Whether a cluster can run the proxy as a native sidecar (an init container with `restartPolicy: Always`).

/** Native sidecars are stable since Kubernetes 1.33; Istio's current release turns them on from there. */
export const NATIVE_SIDECAR_MINOR = 33;

/**
 * True when every node can. `versions` are the kubelet versions of the nodes (`status.nodeInfo.kubeletVersion`) or the
 * API server's; none known means no, because a pod that a node cannot run is worse than a plain sidecar.
 */
export function supportsNativeSidecars(versions: readonly string[]): boolean {
  return versions.length > 0 && versions.every((version) => isAtLeast(version, 1, NATIVE_SIDECAR_MINOR));
}

function isAtLeast(version: string, major: number, minor: number): boolean {
  const match = /^v?(\d+)\.(\d+)/.exec(version.trim());
  if (!match) return false;
  const [, ownMajor, ownMinor] = match.map(Number);
  return ownMajor! > major || (ownMajor === major && ownMinor! >= minor);
}
