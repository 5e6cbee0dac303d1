// Istio RequestAuthentication.
import {
  type RequestAuthentication,
  RequestAuthenticationSchema,
} from '../gen/security/v1beta1/request_authentication_pb.js';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type RequestAuthenticationConfig = Config<RequestAuthentication>;

export const requestAuthenticationKind = istioKind({
  id: 'requestAuthentication',
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  kind: 'RequestAuthentication',
  plural: 'requestauthentications',
  schema: RequestAuthenticationSchema,
  check: () => [],
});
