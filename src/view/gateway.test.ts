// Servers of several Gateways on one proxy: ports, names of route tables, conflicts.
import { describe, expect, it } from 'vitest';
import type { Gateway, GatewayServer, ServerTls } from '../model/gateway.ts';
import type { Service } from '../model/service.ts';
import { gatewayListeners } from './gateway.ts';
import { gatewayHosts } from './gateway-routes.ts';
import { hostCovers, hostIntersection } from './hosts.ts';

const TLS: ServerTls = {
  mode: 'simple',
  httpsRedirect: false,
  credentialNames: ['c'],
  serverCertificate: '',
  privateKey: '',
  caCertificates: '',
  subjectAltNames: [],
  minVersion: '',
  maxVersion: '',
  cipherSuites: [],
};

function server(
  port: number,
  protocol: GatewayServer['protocol'],
  host: string,
  tls?: Partial<ServerTls>,
): GatewayServer {
  const names = [{ namespace: '*', host }];
  return {
    port,
    portName: `p${port}`,
    protocol,
    bind: '',
    hosts: names,
    name: '',
    ...(tls && { tls: { ...TLS, ...tls } }),
  };
}

function gateway(name: string, servers: GatewayServer[], more: Partial<Gateway> = {}): Gateway {
  const source = { cluster: 'c', kind: 'Gateway', namespace: 'ns', name };
  return { source, created: name, selector: { istio: 'gw' }, servers, ...more };
}

const service = {
  host: 'gw.ns.svc.cluster.local',
  selectors: { c: { istio: 'gw' } },
  ports: [{ name: 'http', port: 80, protocol: 'http', targetPort: '8080' }],
} as unknown as Service;

const listen = (gateways: Gateway[], more = {}) =>
  gatewayListeners({
    gateways,
    labels: { istio: 'gw' },
    cluster: 'c',
    services: [service],
    unprivileged: false,
    ...more,
  });

describe('gateway listeners', () => {
  it("opens the pod's port and names the table by it", () => {
    const { listeners } = listen([gateway('a', [server(80, 'http', '*'), server(443, 'https', '*', {})])]);
    expect(listeners.map(({ port, kind, servers }) => [port, kind, servers[0]!.routeName])).toEqual([
      [443, 'tls', 'https.443.p443.a.ns'],
      [8080, 'http', 'http.8080'],
    ]);
  });

  it('merges what several Gateways want of one port', () => {
    const { listeners, conflicts } = listen([
      gateway('b', [server(80, 'http', 'b.com')]),
      gateway('a', [server(80, 'http', 'a.com')]),
    ]);
    expect(conflicts).toEqual([]);
    expect(listeners).toHaveLength(1);
    expect(listeners[0]!.servers.map((bound) => bound.gateway)).toEqual(['ns/a', 'ns/b']);
  });

  it('gives a contested port or name to the older one and says so', () => {
    const { listeners, conflicts } = listen([
      gateway('a', [server(80, 'http', '*'), server(443, 'https', 'x.com', {})]),
      gateway('b', [
        server(80, 'tcp', '*'),
        server(443, 'https', 'x.com', {}),
        server(443, 'tls', 'x.com', { mode: 'passthrough' }),
      ]),
    ]);
    expect(conflicts.map(({ gateway: name, reason }) => `${name}: ${reason}`)).toEqual([
      'ns/b: port 80 is already used for http by Gateway ns/a',
      'ns/b: host x.com on port 443 is already served by Gateway ns/a',
    ]);
    expect(listeners.map(({ servers }) => servers.length)).toEqual([2, 1]);
  });

  it('selects by labels, and by none for all', () => {
    const other = gateway('a', [server(80, 'http', '*')], { selector: { istio: 'other' } });
    expect(listen([other]).listeners).toEqual([]);
    expect(listen([{ ...other, selector: {} }]).listeners).toHaveLength(1);
  });

  it('does not open privileged ports where it may not', () => {
    const { listeners, conflicts } = listen([gateway('a', [server(443, 'https', '*', {})])], { unprivileged: true });
    expect(listeners).toEqual([]);
    expect(conflicts[0]!.reason).toContain('443');
  });
});

describe('hosts', () => {
  it('covers by wildcard', () => {
    expect(hostCovers('*.a.com', 'x.a.com')).toBe(true);
    expect(hostCovers('*.a.com', 'a.com')).toBe(false);
    expect(hostCovers('*.a.com', '*.b.a.com')).toBe(true);
    expect(hostCovers('*.b.a.com', '*.a.com')).toBe(false);
    expect(hostIntersection('*', 'x')).toBe('x');
    expect(hostIntersection('*.a.com', '*')).toBe('*.a.com');
    expect(hostIntersection('a', 'b')).toBeUndefined();
  });

  it('has redirected hosts in the table without a rule', () => {
    const { listeners } = listen([gateway('a', [server(80, 'http', 'x.com', { httpsRedirect: true })])]);
    expect(gatewayHosts(listeners[0]!.servers, () => [])).toEqual([{ host: 'x.com', rules: [], httpsRedirect: true }]);
  });
});
