// The applications of the sidecar measurement in the lab: clients in cluster1, servers in cluster2, each with and without a sidecar.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context, Mesh } from '../../conformance/guide/mesh.ts';
import type { LoadReport, LoadSpec } from './load.ts';

export const NAMESPACE = 'bench';
const PORT = 8080;
const IMAGE = 'isthmus/helloworld:latest';
const NODE = ['/usr/local/bin/node', '--input-type=module-typescript'];

export interface App {
  readonly name: string;
  readonly context: Context;
  readonly sidecar: boolean;
}

const APPS: readonly App[] = [
  { name: 'client', context: 'cluster1', sidecar: true },
  { name: 'bare-client', context: 'cluster1', sidecar: false },
  { name: 'server', context: 'cluster2', sidecar: true },
  { name: 'bare-server', context: 'cluster2', sidecar: false },
];

/** Pods that are ready, and how to make them work. */
export interface Apps {
  /** Sends requests from one application to another: to the Service through a sidecar, to the pod itself without one. */
  load(from: string, to: string, how: Omit<LoadSpec, 'address' | 'port' | 'host'>): Promise<LoadReport>;
  /** Seconds of processor time that all sidecars (Envoy and its agent) have used so far. */
  sidecarCpu(): Promise<number>;
}

/** Starts the applications in a mesh that the guide has made. */
export async function startApps(mesh: Mesh): Promise<Apps> {
  for (const context of ['cluster1', 'cluster2'] as const) {
    const items = [namespace(), ...APPS.flatMap((app) => [account(app), service(app)]), ...podsIn(context)];
    await mesh.ok(['kubectl', `--context=${context}`, 'apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    });
  }
  const addresses = new Map<string, string>();
  for (const { name, context } of APPS) {
    await mesh.kubectl(context, 'wait', '-n', NAMESPACE, `pod/${name}`, '--for=condition=Ready', '--timeout=90s');
    addresses.set(
      name,
      await mesh.kubectl(context, 'get', 'pod', '-n', NAMESPACE, name, '-o', 'jsonpath={.status.podIP}'),
    );
  }
  const program = sourceOf('load.ts');
  return {
    async load(from, to, how) {
      const { context, sidecar } = APPS.find(({ name }) => name === from)!;
      const host = `${to}.${NAMESPACE}`;
      const target = sidecar ? { address: host, port: 80 } : { address: addresses.get(to)!, port: PORT };
      const spec: LoadSpec = { ...target, host, ...how };
      const inside = [...NODE, '-', JSON.stringify(spec)];
      const argv = [
        'kubectl',
        `--context=${context}`,
        'exec',
        '-i',
        '-n',
        NAMESPACE,
        from,
        '-c',
        'app',
        '--',
        ...inside,
      ];
      return JSON.parse(await mesh.ok(argv, { input: program })) as LoadReport;
    },
    async sidecarCpu() {
      let total = 0;
      for (const { name, context } of APPS.filter(({ sidecar }) => sidecar)) {
        const read = ['sh', '-c', 'cat /proc/[0-9]*/task/*/schedstat'];
        const text = await mesh.kubectl(context, 'exec', '-n', NAMESPACE, name, '-c', 'istio-proxy', '--', ...read);
        // Nanoseconds on the processor, of each thread of the container.
        for (const line of text.trim().split('\n')) total += Number(line.split(' ')[0]) / 1e9;
      }
      return total;
    },
  };
}

const sourceOf = (file: string): string => readFileSync(join(import.meta.dirname, file), 'utf8');

const namespace = () => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: NAMESPACE, labels: { 'istio-injection': 'enabled' } },
});

const account = ({ name }: App) => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { namespace: NAMESPACE, name },
});

/** In both clusters, as a service of several clusters is. */
const service = ({ name }: App) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: NAMESPACE, name },
  spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: PORT }] },
});

const podsIn = (where: Context) =>
  APPS.filter(({ context }) => context === where).map(({ name, sidecar }) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: NAMESPACE, name, labels: { app: name, 'sidecar.istio.io/inject': String(sidecar) } },
    spec: {
      serviceAccountName: name,
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'app',
          image: IMAGE,
          imagePullPolicy: 'IfNotPresent',
          command: [...NODE, '-e', sourceOf('app.ts')],
          ports: [{ containerPort: PORT }],
          readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 1 },
        },
      ],
    },
  }));
