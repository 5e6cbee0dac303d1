// Istio PeerAuthentication.
import { type PeerAuthentication, PeerAuthenticationSchema } from '../gen/security/v1beta1/peer_authentication_pb.js';
import { checkSelector, Findings, isPort } from './checks.ts';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type PeerAuthenticationConfig = Config<PeerAuthentication>;

export const peerAuthenticationKind = istioKind({
  id: 'peerAuthentication',
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  kind: 'PeerAuthentication',
  plural: 'peerauthentications',
  schema: PeerAuthenticationSchema,
  keepFaulty: true,
  check(spec) {
    const f = new Findings();
    const labels = spec.selector?.matchLabels;
    checkSelector(f, labels, 'spec.selector.matchLabels');
    const ports = Object.keys(spec.portLevelMtls);
    f.require(
      ports.length === 0 || Object.keys(labels ?? {}).length > 0,
      'conflict',
      'spec.portLevelMtls',
      'Ports belong to workloads: give a selector.',
    );
    for (const port of ports) {
      f.require(isPort(Number(port)), 'bad-port', `spec.portLevelMtls.${port}`, 'A port is a number from 1 to 65535.');
    }
    return f.problems;
  },
});
