// Istio Sidecar.
import { type Sidecar, SidecarSchema } from '../gen/networking/v1alpha3/sidecar_pb.js';
import { checkNamespacedHost, checkPort, checkSelector, Findings } from './checks.ts';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type SidecarConfig = Config<Sidecar>;

export const sidecarKind = istioKind({
  id: 'sidecar',
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'Sidecar',
  plural: 'sidecars',
  schema: SidecarSchema,
  check(spec) {
    const f = new Findings();
    checkSelector(f, spec.workloadSelector?.labels, 'spec.workloadSelector.labels');
    const something =
      spec.ingress.length + spec.egress.length > 0 || spec.outboundTrafficPolicy || spec.inboundConnectionPool;
    f.require(something, 'missing-field', 'spec', 'Give ingress, egress or outboundTrafficPolicy.');
    const ports = new Set<number>();
    for (const [i, listener] of spec.ingress.entries()) {
      const path = `spec.ingress[${i}]`;
      checkPort(f, listener.port, `${path}.port`);
      const number = listener.port?.number ?? 0;
      f.require(!ports.has(number), 'duplicate', `${path}.port.number`, `There are two listeners for port ${number}.`);
      ports.add(number);
      const { defaultEndpoint } = listener;
      const good =
        defaultEndpoint === '' ||
        defaultEndpoint.startsWith('unix:///') ||
        /^(127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\[::\]):\d+$/.test(defaultEndpoint);
      f.require(
        good,
        'bad-address',
        `${path}.defaultEndpoint`,
        'Use 127.0.0.1:port, 0.0.0.0:port, [::1]:port, [::]:port or unix:///path.',
      );
    }
    let general = 0;
    for (const [i, listener] of spec.egress.entries()) {
      const path = `spec.egress[${i}]`;
      f.require(listener.hosts.length > 0, 'missing-field', `${path}.hosts`, 'Name the hosts, as namespace/host.');
      for (const [j, host] of listener.hosts.entries()) {
        f.require(host.includes('/'), 'bad-host', `${path}.hosts[${j}]`, `Write "${host}" as namespace/host.`);
        checkNamespacedHost(f, host, `${path}.hosts[${j}]`);
      }
      if (!listener.port) general = i;
      f.require(
        listener.port || i === spec.egress.length - 1,
        'conflict',
        `${path}.port`,
        'Only the last listener may be without a port: it takes what the others do not.',
      );
    }
    f.require(
      general < Math.max(1, spec.egress.length),
      'conflict',
      'spec.egress',
      'Give one listener without a port at most.',
    );
    return f.problems;
  },
});
