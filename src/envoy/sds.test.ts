import { expect, test } from 'vitest';
import { SDS_DIR } from '../lib/paths.ts';
import { workloadCertificate, workloadRoots } from './sds.ts';

test('an agent of ours hands certificates over as files, and says where', () => {
  expect(workloadCertificate(SDS_DIR)).toMatchObject({
    name: 'default',
    sdsConfig: { configSourceSpecifier: { case: 'pathConfigSource', value: { path: `${SDS_DIR}/default.yaml` } } },
  });
  expect(workloadRoots('/elsewhere').sdsConfig?.configSourceSpecifier.value).toMatchObject({
    path: '/elsewhere/ROOTCA.yaml',
  });
});

test('a stock agent says nothing; its bootstrap has a cluster that leads to it', () => {
  for (const { sdsConfig } of [workloadCertificate(''), workloadRoots('')]) {
    expect(sdsConfig?.configSourceSpecifier).toMatchObject({
      case: 'apiConfigSource',
      value: { grpcServices: [{ targetSpecifier: { case: 'envoyGrpc', value: { clusterName: 'sds-grpc' } } }] },
    });
  }
});
