// Labels of merged metrics are complete and in Istio's names.
import { text } from 'node:stream/consumers';
import { describe, expect, it, test } from 'vitest';
import { telemetryIdentity } from '../lib/telemetry-identity.ts';
import { renameLine, renameStream } from './metrics.ts';

const SLEEP = telemetryIdentity({
  workload: 'sleep',
  namespace: 'other',
  cluster: 'cluster1',
  labels: { app: 'sleep' },
});
const HELLO = telemetryIdentity({
  workload: 'helloworld-v2',
  namespace: 'sample',
  cluster: 'cluster2',
  labels: { app: 'helloworld', version: 'v2' },
});

const OWN_SLEEP = {
  source_workload: 'sleep',
  source_workload_namespace: 'other',
  source_app: 'sleep',
  source_version: 'unknown',
  source_canonical_service: 'sleep',
  source_canonical_revision: 'latest',
  source_cluster: 'cluster1',
};
const OWN_HELLO = {
  destination_workload: 'helloworld-v2',
  destination_workload_namespace: 'sample',
  destination_app: 'helloworld',
  destination_version: 'v2',
  destination_canonical_service: 'helloworld',
  destination_canonical_revision: 'v2',
  destination_cluster: 'cluster2',
};
const SERVICE = {
  destination_service: 'helloworld.sample.svc.cluster.local',
  destination_service_name: 'helloworld',
  destination_service_namespace: 'sample',
};
const NOBODY = (side: string) => ({
  [`${side}_workload`]: 'unknown',
  [`${side}_app`]: 'unknown',
  [`${side}_version`]: 'unknown',
  [`${side}_canonical_service`]: 'unknown',
  [`${side}_canonical_revision`]: 'latest',
  [`${side}_cluster`]: 'unknown',
});

/** Labels after the agent has seen a line with these. */
function completed(labels: Record<string, string>, own = SLEEP): Record<string, string> {
  const text = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  const line = renameLine(`envoy_istio_istio_requests_total{${text.join(',')}} 3`, own);
  expect(line).toMatch(/^istio_requests_total\{.*\} 3$/);
  return Object.fromEntries([...line.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value]));
}

describe('at the source', () => {
  const CALL = {
    reporter: 'source',
    source_principal: 'spiffe://cluster.local/ns/other/sa/sleep',
    destination_workload: '-v2@cluster2',
    destination_principal: 'spiffe://cluster.local/ns/sample/sa/default',
    destination_service: 'outbound|5000||helloworld.sample.svc.cluster.local',
    connection_security_policy: 'unknown',
    destination_cluster: 'cluster1',
    response_code: '200',
  };

  it('knows both workloads', () =>
    expect(completed(CALL)).toEqual({ ...CALL, ...OWN_SLEEP, ...OWN_HELLO, ...SERVICE }));

  it('knows the cluster that endpoints need not name', () =>
    expect(completed({ ...CALL, destination_workload: '-v2' })).toMatchObject({
      ...OWN_HELLO,
      destination_cluster: 'cluster1',
    }));

  it('knows workloads behind a gateway by the server name', () =>
    expect(
      completed({ ...CALL, destination_service: 'outbound_.5000_.v2_.helloworld.sample.svc.cluster.local' }),
    ).toMatchObject({ ...OWN_HELLO, ...SERVICE }));

  test.each(['10.1.2.3', '', 'www.example.com'])('says unknown of an endpoint called %j', (text) =>
    expect(completed({ ...CALL, destination_workload: text })).toMatchObject({
      ...NOBODY('destination'),
      destination_workload_namespace: 'sample',
    }),
  );

  it('keeps names that stand for no service', () =>
    expect(
      completed({
        ...CALL,
        destination_service: 'PassthroughCluster',
        destination_workload: '10.1.2.3',
        destination_principal: '',
      }),
    ).toMatchObject({
      ...NOBODY('destination'),
      destination_principal: 'unknown',
      destination_service: 'PassthroughCluster',
      destination_service_name: 'PassthroughCluster',
      destination_service_namespace: 'unknown',
      destination_workload_namespace: 'unknown',
    }));
});

describe('at the destination', () => {
  const CALL = {
    reporter: 'destination',
    source_workload: 'sleep;@cluster1',
    source_principal: 'spiffe://cluster.local/ns/other/sa/sleep',
    destination_principal: 'spiffe://cluster.local/ns/sample/sa/default',
    destination_service: 'helloworld.sample.svc.cluster.local',
    connection_security_policy: 'mutual_tls',
  };

  it('knows both workloads', () =>
    expect(completed(CALL, HELLO)).toEqual({ ...CALL, ...OWN_SLEEP, ...OWN_HELLO, ...SERVICE }));

  it('takes the namespace from the certificate only', () =>
    expect(completed({ ...CALL, source_workload: 'sleep;;;;;elsewhere@cluster1' }, HELLO)).toMatchObject(OWN_SLEEP));

  it('knows the namespace of a caller that says nothing', () =>
    expect(completed({ ...CALL, source_workload: '' }, HELLO)).toMatchObject({
      ...NOBODY('source'),
      source_workload_namespace: 'other',
    }));

  it('believes nobody without a certificate of the mesh', () =>
    expect(completed({ ...CALL, source_principal: '' }, HELLO)).toMatchObject({
      ...NOBODY('source'),
      source_principal: 'unknown',
      source_workload_namespace: 'unknown',
    }));

  it('lets nobody add labels', () =>
    expect(completed({ ...CALL, source_workload: 'a%22%2Cx=%22b%5C%0A;' }, HELLO).source_workload).toBe(
      'a\\",x=\\"b\\\\\\n',
    ));
});

it('keeps escapes of other labels', () =>
  expect(renameLine('envoy_istio_istio_requests_total{reporter="source",le="a\\"b"} 3')).toContain('le="a\\"b"'));

it('leaves other lines alone', () => {
  for (const line of [
    '# TYPE envoy_istio_istio_requests_total counter',
    'envoy_server_live{} 1',
    'istio_build{x="y"} 1',
  ]) {
    expect(renameLine(line)).toBe(line.replace('envoy_istio_istio', 'istio'));
  }
});

it('adds up what is unknown, and keeps the samples of a metric together', async () => {
  const sample = (name: string, workload: string, value: number) =>
    `envoy_istio_istio_${name}{reporter="source",destination_workload="${workload}"} ${value}\n`;
  const stream = renameStream(SLEEP);
  stream.write('# TYPE envoy_istio_istio_requests_total counter\n');
  stream.write(sample('requests_total', '10.1.2.3', 2) + sample('requests_total', '', 3).slice(0, 20));
  stream.write(sample('requests_total', '', 3).slice(20) + sample('requests_total', 'a;', 5));
  stream.write('# TYPE envoy_istio_istio_response_bytes histogram\n');
  stream.write(sample('response_bytes_sum', '10.1.2.3', 1.5) + sample('response_bytes_sum', '10.1.2.4', 1.5));
  stream.end(sample('response_bytes_count', '10.1.2.3', 1).trimEnd());
  const lines = (await text(stream))
    .split('\n')
    .map((line) => line.replace(/\{.*destination_workload="(\w+)".*\}/, ' $1'));
  expect(lines).toEqual([
    '# TYPE istio_requests_total counter',
    'istio_requests_total a 5',
    'istio_requests_total unknown 5',
    '# TYPE istio_response_bytes histogram',
    'istio_response_bytes_sum unknown 3',
    'istio_response_bytes_count unknown 1',
    '',
  ]);
});
