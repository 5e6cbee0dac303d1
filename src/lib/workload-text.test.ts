// Texts of workloads are short, and what is read from one is what was written.
import { describe, expect, it, test } from 'vitest';
import { commonIdentity, type TelemetrySource, telemetryIdentity } from './telemetry-identity.ts';
import { readWorkload, type Surroundings, serviceOf, writeWorkload } from './workload-text.ts';

const NEAR: Surroundings = { service: 'helloworld', namespace: 'sample', cluster: 'cluster1' };
const NOWHERE: Surroundings = { service: '', namespace: '', cluster: '' };

const of = (more: Partial<TelemetrySource>) =>
  telemetryIdentity({ workload: 'helloworld', namespace: 'sample', cluster: 'cluster1', labels: {}, ...more });

describe.each<[what: string, source: Partial<TelemetrySource>, near: Surroundings, text: string]>([
  ['a workload called as its service', { labels: { app: 'helloworld' } }, NEAR, ';'],
  ['… with a version', { labels: { app: 'helloworld', version: 'v1' } }, NEAR, ';v1'],
  ['the version in the name', { workload: 'helloworld-v1', labels: { app: 'helloworld', version: 'v1' } }, NEAR, '-v1'],
  [
    'another cluster',
    { workload: 'helloworld-v2', labels: { app: 'helloworld', version: 'v2' }, cluster: 'cluster2' },
    NEAR,
    '-v2@cluster2',
  ],
  ['only another cluster', { labels: { app: 'helloworld' }, cluster: 'cluster2' }, NEAR, ';@cluster2'],
  ['another name', { workload: 'greeter', labels: { app: 'greeter' } }, NEAR, 'greeter;'],
  ['another name with its version', { workload: 'a-v1', labels: { app: 'a', version: 'v1' } }, NEAR, 'a-v1;v1'],
  ['no labels', {}, NEAR, ';;~'],
  ['another app', { labels: { app: 'hello', version: 'v1' } }, NEAR, ';v1;hello'],
  [
    'recommended labels',
    { workload: 'hello-x1', labels: { 'app.kubernetes.io/name': 'hello', 'app.kubernetes.io/version': 'x1' } },
    NEAR,
    'hello-x1;x1',
  ],
  [
    'all of its own',
    {
      workload: 'w',
      namespace: 'n',
      cluster: 'c',
      labels: {
        app: 'a',
        version: 'v',
        'service.istio.io/canonical-name': 'cn',
        'service.istio.io/canonical-revision': 'cr',
      },
    },
    NEAR,
    'w;v;a;cn;cr;n@c',
  ],
  ['a caller', { workload: 'sleep', labels: { app: 'sleep' } }, { ...NOWHERE, namespace: 'sample' }, 'sleep;@cluster1'],
  ['labels without a workload', { workload: '', labels: { app: 'vm', version: 'v1' } }, NEAR, '~;v1;vm'],
  ['names with separators', { workload: 'a;b', cluster: 'c@d ~"é' }, NEAR, 'a%3Bb;;~@c%40d%20%7E%22%C3%A9'],
  ['a cluster that is not known', { labels: { app: 'helloworld' }, cluster: '' }, NEAR, ';@~'],
  ['a name that says unknown', { workload: '', labels: { app: 'x' } }, { ...NEAR, service: 'unknown' }, ';;x'],
])('%s', (_, source, near, text) => {
  it(`is ${text}`, () => expect(writeWorkload(of(source), near)).toBe(text));
  it('is read as it was', () => expect(readWorkload(text, near)).toEqual(of(source)));
});

it('says nothing about an endpoint of which nothing is known', () =>
  expect(writeWorkload(of({ workload: '', labels: { irrelevant: 'x' } }), NEAR)).toBe(''));

it('stays the same when a label changes that no metric names', () =>
  expect(writeWorkload(of({ labels: { app: 'helloworld', team: 'b' } }), NEAR)).toBe(
    writeWorkload(of({ labels: { app: 'helloworld', team: 'a' } }), NEAR),
  ));

// Envoy gives the address or the DNS name of an endpoint without a text, and `-` for a variable that is not set.
test.each(['', '-', '10.1.2.3', 'fd00::1', 'www.example.com'])('%j is no text', (text) =>
  expect(readWorkload(text, NEAR)).toBeUndefined(),
);

it('reads broken escapes as they are', () => expect(readWorkload('a%zz;', NEAR)?.workload).toBe('a%zz'));

it('takes a host apart', () => {
  expect(serviceOf('a.b.svc.cluster.local')).toEqual({ service: 'a', namespace: 'b' });
  expect(serviceOf('www.example.com')).toEqual({ service: 'www.example.com', namespace: '' });
});

describe('what several workloads have in common', () => {
  it('is all of it when they are one', () => expect(commonIdentity([of({}), of({})])).toEqual(of({})));
  it('is all but the cluster for one that runs in several', () =>
    expect(commonIdentity([of({}), of({ cluster: 'cluster2' })])).toEqual(of({ cluster: '' })));
  it('is nothing for different ones, or none', () => {
    expect(commonIdentity([of({}), of({ labels: { version: 'v2' } })])).toBeUndefined();
    expect(commonIdentity([])).toBeUndefined();
  });
});
