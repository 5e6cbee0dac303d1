// Network namespaces for the sidecar measurement: applications on a bridge, with the agent's capture rules where there is a sidecar.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { readCaptureOptions } from '../../src/agent/capture/options.ts';
import { captureRuleset } from '../../src/agent/capture/ruleset.ts';
import type { KubernetesObject } from '../../src/kinds/object.ts';

export const BRIDGE_ADDRESS = '10.92.0.1';
export const NAMESPACE = 'app';

export interface Home {
  readonly name: string;
  readonly address: string;
  /** Address of its Service. */
  readonly clusterIp: string;
  readonly sidecar: boolean;
}

export const HOMES: readonly Home[] = [
  { name: 'client', address: '10.92.0.11', clusterIp: '10.96.0.11', sidecar: true },
  { name: 'server', address: '10.92.0.12', clusterIp: '10.96.0.12', sidecar: true },
  { name: 'bare-client', address: '10.92.0.13', clusterIp: '10.96.0.13', sidecar: false },
  { name: 'bare-server', address: '10.92.0.14', clusterIp: '10.96.0.14', sidecar: false },
];

/** The bridge in the present network namespace. */
export function openBridge(): void {
  run('ip', 'link', 'set', 'lo', 'up');
  run('ip', 'link', 'add', 'br0', 'type', 'bridge');
  run('ip', 'addr', 'add', `${BRIDGE_ADDRESS}/16`, 'dev', 'br0');
  run('ip', 'link', 'set', 'br0', 'up');
}

/** Starts an application in a namespace and plugs it in; gives the process that holds the namespace. */
export async function openHome({ name, address, sidecar }: Home): Promise<number> {
  const app = join(import.meta.dirname, 'app.ts');
  const child = spawn('unshare', ['--net', process.execPath, app], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const pid = String(child.pid);
  const inside = (...args: string[]): void => run('nsenter', '-t', pid, '-n', ...args);
  run('ip', 'link', 'add', `v-${name}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', pid);
  run('ip', 'link', 'set', `v-${name}`, 'master', 'br0', 'up');
  inside('ip', 'link', 'set', 'lo', 'up');
  inside('ip', 'addr', 'add', `${address}/16`, 'dev', 'eth0');
  inside('ip', 'link', 'set', 'eth0', 'up');
  inside('ip', 'route', 'add', 'default', 'via', BRIDGE_ADDRESS);
  if (sidecar) {
    const args = '-p 15001 -z 15006 -u 1337 -m REDIRECT -i * -b * -d 15090,15021,15020'.split(' ');
    const { options } = readCaptureOptions({ args, env: {}, nameservers: [] });
    execFileSync('nsenter', ['-t', pid, '-n', 'nft', '-f', '-'], { input: captureRuleset(options) });
  }
  return child.pid!;
}

/** What the control plane must know of a home: namespace, pod, Service and endpoints. */
export function objectsOf({ name, address, clusterIp, sidecar }: Home): KubernetesObject[] {
  const labels = { app: name, ...(sidecar && { 'security.istio.io/tlsMode': 'istio' }) };
  const metadata = { namespace: NAMESPACE, name };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, labels },
      spec: { serviceAccountName: name, nodeName: 'node' },
      status: { phase: 'Running', podIP: address, podIPs: [{ ip: address }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { clusterIP: clusterIp, selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [
        {
          addresses: [address],
          conditions: { ready: true, serving: true },
          nodeName: 'node',
          targetRef: { kind: 'Pod', namespace: NAMESPACE, name },
        },
      ],
    },
  ];
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
