// The lab's network: one bridge on the host, one network namespace a cluster, routes that make all pods one flat network.
import { existsSync } from 'node:fs';
import { type Cidr, parseCidr } from './cidr.ts';
import { type ClusterPlan, type LabPlan, netnsName } from './plan.ts';
import { run, tryRun } from './run.ts';

/** Path of a named network namespace. */
export function netnsPath(netns: string): string {
  return `/run/netns/${netns}`;
}

/** Address ranges that this machine has or reaches, default routes aside. */
export async function rangesInUse(): Promise<Cidr[]> {
  const { stdout } = await run('ip', ['-4', '-json', 'route', 'show', 'table', 'all']);
  const routes = JSON.parse(stdout) as { dst?: string }[];
  return routes.flatMap(({ dst }) => {
    if (!dst || dst === 'default') return [];
    return [parseCidr(dst.includes('/') ? dst : `${dst}/32`)];
  });
}

/** Makes the bridge, the namespaces and the cables. Expects none of them to exist. */
export async function createNetwork(plan: LabPlan): Promise<void> {
  const prefix = plan.network.split('/')[1];
  await tryRun('modprobe', ['-a', 'br_netfilter', 'overlay', 'nf_tables']);
  await ipBatch([
    `link add ${plan.bridge} type bridge`,
    `link set ${plan.bridge} alias isthmus-lab:${plan.dir}`,
    `addr add ${plan.gateway}/${prefix} dev ${plan.bridge}`,
    `link set ${plan.bridge} up`,
    ...plan.clusters.flatMap((cluster) => [
      `netns add ${cluster.netns}`,
      `link add ${cluster.veth} type veth peer name eth0 netns ${cluster.netns}`,
      `link set ${cluster.veth} master ${plan.bridge} up`,
      `route add ${cluster.podCidr} via ${cluster.address}`,
      `route add ${cluster.loadBalancerCidr} via ${cluster.address}`,
    ]),
  ]);
  await letBridgeForward(plan.bridge);
  await Promise.all(plan.clusters.map((cluster) => configureNode(plan, cluster)));
}

/** Names of the lab's interfaces and namespaces that exist; found by name, without any saved state. */
export async function leftoverNetwork(lab: {
  name: string;
  bridge: string;
}): Promise<{ links: string[]; namespaces: string[] }> {
  const [links, namespaces] = await Promise.all([
    run('ip', ['-json', 'link', 'show']),
    run('ip', ['-json', 'netns', 'list']),
  ]);
  const linkNames = (JSON.parse(links.stdout || '[]') as { ifname: string }[]).map(({ ifname }) => ifname);
  const netnsNames = (JSON.parse(namespaces.stdout || '[]') as { name: string }[]).map(({ name }) => name);
  const ours = new Set([1, 2, 3, 4].map((index) => netnsName(lab.name, index)));
  return {
    links: linkNames.filter((name) => name === lab.bridge || new RegExp(`^${lab.bridge}c\\d$`).test(name)),
    namespaces: netnsNames.filter((name) => ours.has(name)),
  };
}

/** Removes what {@link leftoverNetwork} finds; routes go with the bridge. */
export async function removeNetwork(lab: { name: string; bridge: string }): Promise<void> {
  const { links, namespaces } = await leftoverNetwork(lab);
  for (const link of links.filter((name) => name !== lab.bridge)) await tryRun('ip', ['link', 'delete', link]);
  for (const namespace of namespaces) await tryRun('ip', ['netns', 'delete', namespace]);
  if (links.includes(lab.bridge)) await tryRun('ip', ['link', 'delete', lab.bridge]);
  for (const args of forwardRule(lab.bridge)) await tryRun('iptables', ['-w', '-D', ...args]);
}

/** Whether bridged packets pass the packet filter: without it a bridge would hide replies from kube-proxy's address translation. */
export function bridgeIsFiltered(): boolean {
  return existsSync('/proc/sys/net/bridge/bridge-nf-call-iptables');
}

async function configureNode(plan: LabPlan, cluster: ClusterPlan): Promise<void> {
  const prefix = plan.network.split('/')[1];
  const others = plan.clusters.filter((other) => other !== cluster);
  await ipBatch(
    [
      'link set lo up',
      `addr add ${cluster.address}/${prefix} dev eth0`,
      'link set eth0 up',
      `route add default via ${plan.gateway}`,
      ...others.flatMap((other) => [
        `route add ${other.podCidr} via ${other.address}`,
        `route add ${other.loadBalancerCidr} via ${other.address}`,
      ]),
    ],
    cluster.netns,
  );
  const inNode = [`--net=${netnsPath(cluster.netns)}`];
  const sysctls = [
    'net/ipv4/ip_forward=1',
    'net/ipv4/conf/all/rp_filter=0',
    'net/ipv4/conf/default/rp_filter=0',
    ...(bridgeIsFiltered() ? ['net/bridge/bridge-nf-call-iptables=1'] : []),
  ];
  const writes = sysctls.map((setting) => `echo ${setting.split('=')[1]} > /proc/sys/${setting.split('=')[0]}`);
  await run('nsenter', [...inNode, 'sh', '-ec', writes.join('\n')]);
  await run('nsenter', [...inNode, 'nft', '-f', '-'], { input: nodeRules(plan, cluster) });
}

/**
 * Refuses at once what leads nowhere: a LoadBalancer address without a Service (kube-proxy has rewritten the others by
 * the time of these hooks; a route alone would send it in circles), and everything outside the lab.
 */
export function nodeRules(plan: LabPlan, cluster: ClusterPlan): string {
  const inside = [plan.network, plan.podCidr, plan.serviceCidr].join(', ');
  const rules = `
    ip daddr ${cluster.loadBalancerCidr} meta l4proto tcp reject with tcp reset
    ip daddr ${cluster.loadBalancerCidr} reject
    oifname "eth0" ip daddr != { ${inside} } reject with icmp type net-unreachable`;
  return `table ip isthmus-lab {
  chain forward {
    type filter hook forward priority 10; policy accept;${rules}
  }
  chain output {
    type filter hook output priority 10; policy accept;${rules}
  }
}
`;
}

/** On machines where bridged packets pass iptables and are dropped by default, as Docker sets it up. */
async function letBridgeForward(bridge: string): Promise<void> {
  const listed = await tryRun('iptables', ['-w', '-S', 'FORWARD']);
  if (!listed?.stdout.includes('-P FORWARD DROP')) return;
  for (const args of forwardRule(bridge)) await run('iptables', ['-w', '-I', ...args]);
}

function forwardRule(bridge: string): string[][] {
  return [['FORWARD', '-i', bridge, '-o', bridge, '-j', 'ACCEPT']];
}

async function ipBatch(lines: readonly string[], netns?: string): Promise<void> {
  await run('ip', [...(netns ? ['-netns', netns] : []), '-batch', '-'], { input: `${lines.join('\n')}\n` });
}
