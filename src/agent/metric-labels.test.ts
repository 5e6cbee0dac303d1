// Labels of merged metrics are complete and in Istio's names.
import { expect, it } from 'vitest';
import { telemetryIdentity } from '../lib/telemetry-identity.ts';
import { renameLine } from './metrics.ts';

it('makes a service of a cluster name and a namespace of an identity', () => {
  const line = renameLine(
    'envoy_istio_istio_requests_total{reporter="source",' +
      'destination_workload="helloworld-v2",destination_principal="spiffe://cluster.local/ns/sample/sa/default",' +
      'destination_service="outbound|5000||helloworld.sample.svc.cluster.local",response_flags="-",le="a\\"b"} 3',
    telemetryIdentity({ workload: 'sleep', namespace: 'other', cluster: 'cluster1', labels: { app: 'sleep' } }),
  );
  expect(line).toMatch(/^istio_requests_total\{reporter="source",.*\} 3$/);
  expect(line).toContain('destination_service="helloworld.sample.svc.cluster.local"');
  expect(line).toContain('destination_service_name="helloworld"');
  expect(line).toContain('destination_service_namespace="sample"');
  expect(line).toContain('destination_workload_namespace="sample"');
  expect(line).toContain('source_workload="sleep"');
  expect(line).toContain('source_workload_namespace="other"');
  expect(line).toContain('source_cluster="cluster1"');
  expect(line).toContain('source_canonical_service="sleep"');
  expect(line).toContain('source_version="unknown"');
  expect(line).toContain('destination_cluster="unknown"');
  expect(line).toContain('le="a\\"b"');
});

it('keeps names that stand for no service', () => {
  const line = renameLine(
    'envoy_istio_istio_requests_total{reporter="source",destination_service="PassthroughCluster"} 1',
  );
  expect(line).toContain('destination_service_name="PassthroughCluster"');
});

it('leaves other lines alone', () => {
  for (const line of [
    '# TYPE envoy_istio_istio_requests_total counter',
    'envoy_server_live{} 1',
    'istio_build{x="y"} 1',
  ]) {
    expect(renameLine(line)).toBe(line.replace('envoy_istio_istio', 'istio'));
  }
});
