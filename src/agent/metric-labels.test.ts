// Labels of merged metrics are complete and in Istio's names.
import { expect, it } from 'vitest';
import { renameLine } from './metrics.ts';

it('makes a service of a cluster name and a namespace of an identity', () => {
  const line = renameLine(
    'envoy_istio_istio_requests_total{reporter="source",source_workload="sleep",source_workload_namespace="sample",' +
      'destination_workload="helloworld-v2",destination_principal="spiffe://cluster.local/ns/sample/sa/default",' +
      'destination_service="outbound|5000||helloworld.sample.svc.cluster.local",response_flags="-",le="a\\"b"} 3',
  );
  expect(line).toMatch(/^istio_requests_total\{reporter="source",.*\} 3$/);
  expect(line).toContain('destination_service="helloworld.sample.svc.cluster.local"');
  expect(line).toContain('destination_service_name="helloworld"');
  expect(line).toContain('destination_service_namespace="sample"');
  expect(line).toContain('destination_workload_namespace="sample"');
  expect(line).toContain('source_version="unknown"');
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
