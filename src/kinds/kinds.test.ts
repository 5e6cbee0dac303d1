// Decoding and checking: every problem has a path, unknown fields warn at ingest and fail at the webhook.
import { describe, expect, test } from 'vitest';
import { protoDuration } from './go-duration.ts';
import type { KubernetesObject } from './object.ts';
import { kindOf } from './registry.ts';

const istio = (kind: string, spec: unknown, group = 'networking.istio.io/v1'): KubernetesObject => ({
  apiVersion: group,
  kind,
  metadata: { name: 'x', namespace: 'default' },
  spec,
});
const problems = (object: KubernetesObject) =>
  kindOf(object.apiVersion, object.kind!)!
    .validate(object)
    .map((p) => `${p.severity} ${p.code} ${p.path}`);

describe('specs', () => {
  const vs = istio('VirtualService', {
    hosts: ['a'],
    http: [{ timout: '3s', route: [{ destination: { host: 'a', ports: {} } }] }],
    extra: 1,
  });

  test('unknown fields are errors when written, at every depth', () => {
    expect(problems(vs)).toEqual([
      'error unknown-field spec.http[0].timout',
      'error unknown-field spec.http[0].route[0].destination.ports',
      'error unknown-field spec.extra',
    ]);
  });

  test('unknown fields are warnings when read, and the rest is used', () => {
    const { value, problems: found } = kindOf(vs.apiVersion, 'VirtualService')!.decode(vs);
    expect(value).toBeDefined();
    expect(found.map((p) => p.severity)).toEqual(['warning', 'warning', 'warning']);
  });

  test('each wrong type is reported at its own path and leaves no value', () => {
    const bad = istio('VirtualService', {
      hosts: ['a'],
      http: [{ timeout: 'soon', retries: { attempts: 'many' }, route: [{ destination: { host: 3 } }] }],
    });
    expect(problems(bad)).toEqual([
      'error wrong-type spec.http[0].timeout',
      'error wrong-type spec.http[0].retries.attempts',
      'error wrong-type spec.http[0].route[0].destination.host',
    ]);
    expect(kindOf(bad.apiVersion, 'VirtualService')!.decode(bad).value).toBeUndefined();
  });

  test("Go's durations are understood", () => {
    expect(['1h30m', '250ms', '1.5s', '0', '2us', '-3m'].map(protoDuration)).toEqual([
      '5400s',
      '0.25s',
      '1.5s',
      '0s',
      '0.000002s',
      '-180s',
    ]);
    expect(['', '3', 'x', '1 s'].map(protoDuration)).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe('semantic checks', () => {
  test.each<[string, unknown, string[], string?]>([
    ['VirtualService', { hosts: ['a', 'a'], http: [{}] }, ['duplicate spec.hosts[1]', 'missing-field spec.http[0]']],
    [
      'VirtualService',
      { hosts: ['*'], http: [{ route: [{ destination: { host: 'a' } }] }] },
      ['bad-host spec.hosts[0]'],
    ],
    [
      'VirtualService',
      { hosts: ['a'], http: [{ match: [{ uri: { regex: '(?=x)' } }], route: [{ destination: { host: 'a' } }] }] },
      ['bad-regex spec.http[0].match[0].uri.regex'],
    ],
    [
      'VirtualService',
      { hosts: ['a'], http: [{ route: [{ destination: { host: 'a' } }, { destination: { host: 'b' } }] }] },
      ['bad-weight spec.http[0].route'],
    ],
    [
      'VirtualService',
      { hosts: ['a'], tls: [{ match: [{ sniHosts: ['b'] }], route: [{ destination: { host: 'a' } }] }] },
      ['bad-host spec.tls[0].match[0].sniHosts[0]'],
    ],
    ['DestinationRule', { host: 'a', trafficPolicy: {} }, ['missing-field spec.trafficPolicy']],
    [
      'DestinationRule',
      { host: '', subsets: [{ name: 'v1' }, { name: 'v1' }] },
      ['bad-host spec.host', 'duplicate spec.subsets[1].name'],
    ],
    [
      'DestinationRule',
      { host: 'a', trafficPolicy: { tls: { mode: 'MUTUAL' } } },
      ['missing-field spec.trafficPolicy.tls.clientCertificate', 'missing-field spec.trafficPolicy.tls.privateKey'],
    ],
    [
      'Gateway',
      { servers: [{ port: { number: 0, name: 'x', protocol: 'HTTPS' }, hosts: ['a'] }] },
      ['bad-port spec.servers[0].port.number', 'missing-field spec.servers[0].tls'],
    ],
    [
      'ServiceEntry',
      {
        hosts: ['*'],
        resolution: 'STATIC',
        ports: [{ number: 1, name: 'x', protocol: 'TCP' }],
        endpoints: [{ address: 'a' }],
      },
      ['bad-host spec.hosts[0]', 'bad-address spec.endpoints[0].address'],
    ],
    ['Sidecar', { egress: [{ hosts: ['a'] }] }, ['bad-host spec.egress[0].hosts[0]']],
    ['WorkloadEntry', {}, ['missing-field spec.address']],
    ['PeerAuthentication', { portLevelMtls: { 80: {} } }, ['conflict spec.portLevelMtls'], 'security.istio.io/v1'],
    [
      'AuthorizationPolicy',
      { action: 'CUSTOM', rules: [{ from: [{ source: {} }], when: [{ key: 'nonsense', values: ['a'] }] }] },
      [
        'missing-field spec.provider.name',
        'missing-field spec.rules[0].from[0].source',
        'bad-key spec.rules[0].when[0].key',
      ],
      'security.istio.io/v1',
    ],
    [
      'RequestAuthentication',
      { jwtRules: [{ jwksUri: 'x' }] },
      ['missing-field spec.jwtRules[0].issuer', 'bad-url spec.jwtRules[0].jwksUri'],
      'security.istio.io/v1',
    ],
  ])('%s %j', (kind, spec, expected, group) => {
    expect(problems(istio(kind, spec, group))).toEqual(expected.map((e) => `error ${e}`));
  });

  test('an EnvoyFilter is checked, with a warning that it changes nothing', () => {
    const filter = istio('EnvoyFilter', { configPatches: [{ applyTo: 'CLUSTER' }] }, 'networking.istio.io/v1alpha3');
    expect(problems(filter)).toEqual(['warning unused-kind ', 'error missing-field spec.configPatches[0].patch']);
  });

  test('a faulty route is not used, a faulty security policy is', () => {
    const route = istio('VirtualService', { hosts: ['*'], http: [{ route: [{ destination: { host: 'a' } }] }] });
    expect(kindOf(route.apiVersion, 'VirtualService')!.decode(route).value).toBeUndefined();
    const policy = istio(
      'AuthorizationPolicy',
      { action: 'DENY', rules: [{ from: [{ source: {} }] }] },
      'security.istio.io/v1',
    );
    expect(kindOf(policy.apiVersion, 'AuthorizationPolicy')!.decode(policy).value).toBeDefined();
  });
});

describe('pods', () => {
  const pod = (more: object, meta: object = {}): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p-abc-1', namespace: 'default', ...meta },
    spec: { containers: [{ name: 'app' }], ...more },
    status: {},
  });
  const read = (object: KubernetesObject) => kindOf('v1', 'Pod')!.decode(object).value as Record<string, unknown>;

  test('workload names come from the owner', () => {
    const owner = (kind: string, name: string) => ({ ownerReferences: [{ kind, name, controller: true }] });
    const labels = { 'pod-template-hash': 'abc' };
    expect(read(pod({}, { ...owner('ReplicaSet', 'p-abc'), labels }))).toMatchObject({
      workload: 'p',
      workloadKind: 'Deployment',
    });
    expect(read(pod({}, owner('StatefulSet', 'p')))).toMatchObject({ workload: 'p', workloadKind: 'StatefulSet' });
    expect(read(pod({}, owner('Job', 'night-28901234')))).toMatchObject({ workload: 'night', workloadKind: 'CronJob' });
    expect(read(pod({}))).toMatchObject({ workload: 'p-abc-1', workloadKind: 'Pod' });
  });

  test('a proxy is known by label, annotation or container', () => {
    expect(read(pod({})).tlsMode).toBe('disabled');
    expect(read(pod({}, { labels: { 'security.istio.io/tlsMode': 'istio' } })).tlsMode).toBe('istio');
    expect(read(pod({ initContainers: [{ name: 'istio-proxy' }] })).tlsMode).toBe('istio');
    expect(
      read(
        pod(
          {},
          { labels: { 'security.istio.io/tlsMode': 'disabled' }, annotations: { 'sidecar.istio.io/status': '{}' } },
        ),
      ).tlsMode,
    ).toBe('disabled');
  });

  test('label sets are shared', () => {
    const a = read(pod({}, { labels: { x: '1', y: '2' } }));
    const b = read(pod({}, { labels: { y: '2', x: '1' } }));
    expect(a.labels).toBe(b.labels);
  });
});
