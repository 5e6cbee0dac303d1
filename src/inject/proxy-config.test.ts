import { describe, expect, it } from 'vitest';
import { type ProxyConfigConfig, proxyConfigKind } from '../kinds/proxy-config.ts';
import { proxyConfigFor } from './proxy-config.ts';

function resource(namespace: string, name: string, created: string, spec: object): ProxyConfigConfig {
  const raw = {
    apiVersion: 'networking.istio.io/v1beta1',
    kind: 'ProxyConfig',
    metadata: { namespace, name, creationTimestamp: created },
    spec,
  };
  const { value, problems } = proxyConfigKind.decode(raw);
  expect(problems).toEqual([]);
  return value!;
}

const root = resource('istio-system', 'mesh', '2026-01-01T00:00:00Z', {
  concurrency: 1,
  environmentVariables: { A: 'mesh', B: 'mesh' },
});
const shop = resource('shop', 'all', '2026-01-02T00:00:00Z', {
  environmentVariables: { B: 'shop' },
  image: { imageType: 'debug' },
});
const later = resource('shop', 'also-all', '2026-01-03T00:00:00Z', { concurrency: 99 });
const web = resource('shop', 'web', '2026-01-01T00:00:00Z', {
  selector: { matchLabels: { app: 'web' } },
  concurrency: 4,
});
const foreign = resource('istio-system', 'selects', '2026-01-01T00:00:00Z', {
  selector: { matchLabels: { app: 'web' } },
  concurrency: 77,
});
const all = [later, web, foreign, shop, root];
const ask = (namespace: string, labels = {}) =>
  proxyConfigFor(all, { namespace, labels, rootNamespace: 'istio-system' });

describe('ProxyConfig resources', () => {
  it('lets the narrower one win, field by field', () => {
    expect(ask('shop', { app: 'web' })).toEqual({
      concurrency: 4,
      image: { imageType: 'debug' },
      proxyMetadata: { A: 'mesh', B: 'shop' },
    });
  });

  it('takes the oldest of several, and selectors only in their own namespace', () => {
    expect(ask('shop')).toMatchObject({ concurrency: 1 });
    expect(ask('other', { app: 'web' })).toEqual({ concurrency: 1, proxyMetadata: { A: 'mesh', B: 'mesh' } });
  });

  it('is nothing where none applies', () => {
    expect(
      proxyConfigFor([shop, web], { namespace: 'other', labels: {}, rootNamespace: 'istio-system' }),
    ).toBeUndefined();
  });
});
