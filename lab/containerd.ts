// containerd of a node: its configuration, readiness, and the images in it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bridgeIsFiltered } from './network.ts';
import type { ClusterPlan } from './plan.ts';
import { assertRunning, startProcess } from './processes.ts';
import { run, tryRun } from './run.ts';

/** Name of the image that holds a pod's namespaces. */
export const PAUSE_IMAGE = 'isthmus.local/lab/pause:1';
const CNI_PLUGINS = '/usr/lib/cni';

/** Socket of a cluster's containerd, reachable from the host. */
export function containerdSocket(cluster: ClusterPlan): string {
  return join(cluster.dir, 'containerd.sock');
}

/** Starts containerd and resolves when it answers. */
export async function startContainerd(cluster: ClusterPlan, signal?: AbortSignal): Promise<void> {
  const cniDir = join(cluster.dir, 'cni');
  for (const dir of [cniDir, join(cluster.dir, 'containerd')]) mkdirSync(dir, { recursive: true });
  writeFileSync(
    join(cniDir, '10-isthmus.conflist'),
    JSON.stringify(cniConfig(cluster, { bridge: bridgeIsFiltered() })),
  );
  const config = join(cluster.dir, 'containerd.toml');
  writeFileSync(config, containerdConfig(cluster, { snapshotter: await snapshotter(cluster) }));
  await startProcess(cluster, { name: 'containerd', command: ['containerd', '--config', config] });
  while (!(await tryRun('ctr', ['--address', containerdSocket(cluster), 'version']))) {
    assertRunning(cluster, 'containerd');
    await sleep(100, undefined, { signal });
  }
}

/** The snapshotter that a cluster's containerd was configured with. */
export function snapshotterOf(cluster: ClusterPlan): string {
  return /snapshotter = "(\w+)"/.exec(readFileSync(join(cluster.dir, 'containerd.toml'), 'utf8'))?.[1] ?? 'overlayfs';
}

/** Runs `ctr` on a cluster's images and containers; resolves with its standard output. */
export async function ctr(cluster: ClusterPlan, args: readonly string[], signal?: AbortSignal): Promise<string> {
  const { stdout } = await run('ctr', ['--address', containerdSocket(cluster), '--namespace', 'k8s.io', ...args], {
    signal,
  });
  return stdout;
}

/** containerd's configuration. Pods must start where oom_score_adj may not be lowered and no AppArmor profile can be loaded. */
export function containerdConfig(cluster: ClusterPlan, { snapshotter }: { snapshotter: string }): string {
  return `version = 2
root = "${join(cluster.dir, 'containerd', 'root')}"
state = "${join(cluster.dir, 'containerd', 'state')}"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "${containerdSocket(cluster)}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "${snapshotter}"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${CNI_PLUGINS}"
    conf_dir = "${join(cluster.dir, 'cni')}"
`;
}

/**
 * The pods' network. A bridge, where bridged packets pass the packet filter: otherwise the answer of a pod to its
 * neighbour would go around kube-proxy's address translation, and each pod gets a cable and a route of its own.
 */
export function cniConfig(cluster: ClusterPlan, { bridge }: { bridge: boolean }): object {
  const ipam = {
    type: 'host-local',
    dataDir: join(cluster.dir, 'cni-addresses'),
    ranges: [[{ subnet: cluster.podSubnet }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  const main = bridge
    ? { type: 'bridge', bridge: 'cni0', isGateway: true, ipMasq: false, hairpinMode: true, ipam }
    : { type: 'ptp', ipMasq: false, ipam };
  return {
    cniVersion: '1.0.0',
    name: cluster.netns,
    plugins: [main, { type: 'portmap', capabilities: { portMappings: true } }],
  };
}

/** overlayfs where the lab's file system carries it (not every one does), else full copies. */
async function snapshotter(cluster: ClusterPlan): Promise<'overlayfs' | 'native'> {
  const probe = join(cluster.dir, 'overlay-probe');
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => join(probe, name));
  for (const dir of [lower!, upper!, work!, merged!]) mkdirSync(dir, { recursive: true });
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  const script = `mount -t overlay overlay -o ${options} ${merged}`;
  return (await tryRun('unshare', ['--mount', 'sh', '-c', script])) ? 'overlayfs' : 'native';
}
