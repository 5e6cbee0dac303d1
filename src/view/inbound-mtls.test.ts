// Levels of PeerAuthentication, and the ways into a port that follow from them.
import { describe, expect, it } from 'vitest';
import { chainShapes } from '../envoy/inbound/chains.ts';
import type { MutualTls, PeerAuthentication } from '../model/security.ts';
import { workloadMutualTls } from './inbound-mtls.ts';

const scope = { namespace: 'app', labels: { app: 'a' }, rootNamespace: 'istio-system' };

function policy(namespace: string, mode: MutualTls, more: Partial<PeerAuthentication> = {}): PeerAuthentication {
  const source = { cluster: 'c', kind: 'PeerAuthentication', namespace, name: more.created ?? 'x' };
  return { source, created: '2026', mode, ports: {}, ...more };
}

describe('which policy holds', () => {
  const cases: [string, PeerAuthentication[], string][] = [
    ['none: permissive', [], 'permissive'],
    ['the mesh', [policy('istio-system', 'strict')], 'strict'],
    ['the namespace before the mesh', [policy('istio-system', 'strict'), policy('app', 'disable')], 'disable'],
    ['unset inherits', [policy('istio-system', 'strict'), policy('app', 'unset')], 'strict'],
    [
      'the workload before the namespace',
      [policy('app', 'strict'), policy('app', 'disable', { selector: { app: 'a' } })],
      'disable',
    ],
    ['not for other workloads', [policy('app', 'strict', { selector: { app: 'b' } })], 'permissive'],
    ['not for other namespaces', [policy('other', 'strict')], 'permissive'],
    [
      'a selector in the root namespace is for its own workloads',
      [policy('istio-system', 'strict', { selector: { app: 'a' } })],
      'permissive',
    ],
    [
      'the oldest of two',
      [policy('app', 'strict', { created: '2026' }), policy('app', 'disable', { created: '2025' })],
      'disable',
    ],
  ];
  it.each(cases)('%s', (_, policies, mode) => {
    expect(workloadMutualTls(policies, scope).mode).toBe(mode);
  });

  it('keeps only ports that differ', () => {
    const own = policy('app', 'strict', {
      selector: { app: 'a' },
      ports: { 80: 'strict', 81: 'disable', 82: 'unset' },
    });
    expect(workloadMutualTls([own], scope)).toEqual({ mode: 'strict', ports: { 81: 'disable' } });
  });
});

describe('ways into a port', () => {
  it('has no plaintext way under STRICT', () => {
    for (const protocol of ['http', 'http2', 'tcp', 'auto', 'grpc-web'] as const) {
      const shapes = chainShapes('strict', protocol);
      expect(shapes.every(({ match, terminatesTls }) => match.transportProtocol === 'tls' && terminatesTls)).toBe(true);
    }
  });

  it('never ends TLS under DISABLE', () => {
    expect(chainShapes('disable', 'auto').some(({ terminatesTls }) => terminatesTls)).toBe(false);
  });

  it('has distinct matches, as Envoy demands', () => {
    for (const tls of ['strict', 'permissive', 'disable'] as const) {
      for (const protocol of ['http', 'tcp', 'auto'] as const) {
        const matches = chainShapes(tls, protocol).flatMap(({ match }) =>
          (match.applicationProtocols ?? ['']).map((name) => `${match.transportProtocol} ${name}`),
        );
        expect(new Set(matches).size).toBe(matches.length);
      }
    }
  });
});
