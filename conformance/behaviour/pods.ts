// Who lives in the test world: names, addresses, labels and identities. Records refer to them by name.

export interface WorldPod {
  readonly name: string;
  readonly address: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Network namespace it lives in; several plain pods share one. */
  readonly home: string;
  readonly proxy?: 'sidecar' | 'router';
  /** Protocol that its Envoy speaks to the control plane. */
  readonly xds?: 'delta' | 'sotw';
}

export const CONTROL_ADDRESS = '10.91.0.1';
export const NAMESPACE = 'app';
export const CLUSTER = 'Kubernetes';
const MESHED = { 'security.istio.io/tlsMode': 'istio' };

function plain(number: number): WorldPod {
  return {
    name: `plain-${number}`,
    address: `10.91.0.${20 + number}`,
    namespace: NAMESPACE,
    serviceAccount: 'plain',
    labels: { app: 'plain', version: `v${number}` },
    home: 'plain',
  };
}

function meshed(number: number): WorldPod {
  return {
    name: `meshed-${number}`,
    address: `10.91.0.${30 + number}`,
    namespace: NAMESPACE,
    serviceAccount: 'meshed',
    labels: { app: 'meshed', version: `v${number}`, ...MESHED },
    home: `meshed-${number}`,
    proxy: 'sidecar',
    xds: number === 1 ? 'delta' : 'sotw',
  };
}

function client(name: string, number: number, xds: 'delta' | 'sotw'): WorldPod {
  return {
    name,
    address: `10.91.0.${10 + number}`,
    namespace: NAMESPACE,
    serviceAccount: 'client',
    labels: { app: 'client', ...MESHED },
    home: name,
    proxy: 'sidecar',
    xds,
  };
}

/** The clients run the same records: one speaks delta, one state of the world. */
export const CLIENTS = ['client', 'client-sotw'] as const;

export const PODS: readonly WorldPod[] = [
  client('client', 0, 'delta'),
  client('client-sotw', 1, 'sotw'),
  plain(1),
  plain(2),
  plain(3),
  meshed(1),
  meshed(2),
  {
    name: 'gateway',
    address: '10.91.0.40',
    namespace: 'istio-system',
    serviceAccount: 'gateway',
    labels: { app: 'gateway', istio: 'ingressgateway', ...MESHED },
    home: 'gateway',
    proxy: 'router',
    xds: 'delta',
  },
  {
    // Not part of the mesh: calls gateways and tries to reach workloads directly.
    name: 'outside',
    address: '10.91.0.50',
    namespace: 'outside',
    serviceAccount: 'default',
    labels: { app: 'outside' },
    home: 'plain',
  },
];

export const podNamed = (name: string): WorldPod => {
  const found = PODS.find((pod) => pod.name === name);
  if (!found) throw new Error(`there is no pod ${name}; there are ${PODS.map((pod) => pod.name).join(', ')}`);
  return found;
};
