// Istio PeerAuthentication.
import { type PeerAuthentication, PeerAuthenticationSchema } from '../gen/security/v1beta1/peer_authentication_pb.js';
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
  check: () => [],
});
