// Istio ProxyConfig.
import { type ProxyConfig, ProxyConfigSchema } from '../gen/networking/v1beta1/proxy_config_pb.js';
import { checkSelector, Findings } from './checks.ts';
import { istioKind } from './istio-kind.ts';
import type { Config } from './object.ts';

export type ProxyConfigConfig = Config<ProxyConfig>;

const IMAGES = new Set(['', 'default', 'debug', 'distroless']);

export const proxyConfigKind = istioKind({
  id: 'proxyConfig',
  group: 'networking.istio.io',
  versions: ['v1beta1'],
  kind: 'ProxyConfig',
  plural: 'proxyconfigs',
  schema: ProxyConfigSchema,
  check(spec) {
    const f = new Findings();
    checkSelector(f, spec.selector?.matchLabels, 'spec.selector.matchLabels');
    f.require(
      (spec.concurrency ?? 0) >= 0,
      'negative',
      'spec.concurrency',
      'The number of threads cannot be negative.',
    );
    const image = spec.image?.imageType ?? '';
    f.require(
      IMAGES.has(image),
      'bad-image',
      'spec.image.imageType',
      `"${image}" is none of default, debug and distroless.`,
    );
    return f.problems;
  },
});
