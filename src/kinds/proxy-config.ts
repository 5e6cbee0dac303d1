// Istio ProxyConfig.
import { type ProxyConfig, ProxyConfigSchema } from '../gen/networking/v1beta1/proxy_config_pb.js';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type ProxyConfigConfig = Config<ProxyConfig>;

export const proxyConfigKind = istioKind({
  id: 'proxyConfig',
  group: 'networking.istio.io',
  versions: ['v1beta1'],
  kind: 'ProxyConfig',
  plural: 'proxyconfigs',
  schema: ProxyConfigSchema,
  check: () => [],
});
