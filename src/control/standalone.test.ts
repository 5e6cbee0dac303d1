import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TYPE_URL } from '../envoy/resource.ts';
import { ClustersConfigDumpSchema } from '../gen/envoy/admin/v3/config_dump_shared_pb.js';
import {
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from '../gen/envoy/service/discovery/v3/discovery_pb.js';
import { ClientConfigSchema, ConfigStatus } from '../gen/envoy/service/status/v3/csds_pb.js';
import { systemClock } from '../lib/clock.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { createLogs } from './log.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { parseOptions } from './options.ts';

let directory: string;
let plane: ControlPlane;
let metrics: Metrics;
let client: Client;

const service = (name: string) =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: sample}\nspec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}\n`;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'standalone-'));
  writeFileSync(join(directory, 'a.yaml'), service('first'));
  metrics = createMetrics();
  const options = parseOptions(
    ['--config-dir', directory, '--grpcAddr', '127.0.0.1:0', '--httpAddr', '127.0.0.1:0'],
    {},
  );
  const logs = createLogs({ write: () => {} });
  plane = await startControlPlane({ options, clock: systemClock, logs, metrics, signal: new AbortController().signal });
  client = new Client(`127.0.0.1:${plane.ports.grpc}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
});
afterEach(async () => {
  client.close();
  await plane.shutdown(0);
  rmSync(directory, { recursive: true });
});

function stream(id = 'sidecar~10.0.0.9~sleep.sample~sample.svc.cluster.local') {
  const call = client.makeBidiStreamRequest<DiscoveryRequest, DiscoveryResponse>(
    '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources',
    (value) => Buffer.from(toBinary(DiscoveryRequestSchema, value)),
    (bytes) => fromBinary(DiscoveryResponseSchema, bytes),
  );
  const responses: DiscoveryResponse[] = [];
  let failure: Error | undefined;
  let wake = (): void => {};
  call.on('data', (response: DiscoveryResponse) => {
    responses.push(response);
    wake();
  });
  call.on('error', (error: Error) => {
    failure = error;
    wake();
  });
  return {
    send: (init: Partial<DiscoveryRequest>) =>
      void call.write(create(DiscoveryRequestSchema, { node: { id }, ...(init as object) })),
    async next(): Promise<DiscoveryResponse> {
      while (!responses.length) {
        if (failure) throw failure;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return responses.shift()!;
    },
    close: () => call.cancel(),
  };
}

const page = async (path: string) => (await fetch(`http://127.0.0.1:${plane.ports.http}${path}`)).text();

test('serves files and follows edits', async () => {
  const proxy = stream();
  proxy.send({ typeUrl: TYPE_URL.cluster });
  const first = await proxy.next();
  const text = (response: DiscoveryResponse) =>
    response.resources.map(({ value }) => Buffer.from(value).toString('latin1')).join();
  expect(text(first)).toContain('outbound|80||first.sample');
  proxy.send({ typeUrl: TYPE_URL.cluster, responseNonce: first.nonce, versionInfo: first.versionInfo });
  writeFileSync(join(directory, 'b.yaml'), service('second'));
  expect(text(await proxy.next())).toContain('outbound|80||second.sample');
  expect(JSON.parse(await page('/debug/syncz'))).toMatchObject([{ proxy: 'sleep.sample' }]);
  expect(await page('/debug/config_dump?proxyID=sleep.sample')).toContain(
    'outbound|80||second.sample.svc.cluster.local',
  );
  expect(await page('/metrics')).toContain('pilot_xds_pushes{type="cds"} 2');
  proxy.close();
});

test('answers a stock istioctl: typed sync state and named debug pages, with the name of the control plane', async () => {
  const proxy = stream();
  proxy.send({ typeUrl: TYPE_URL.cluster });
  await proxy.next();
  const asker = stream('debug~0.0.0.0~istioctl~cluster.local');
  asker.send({ typeUrl: 'istio.io/debug/syncz' });
  const answer = await asker.next();
  expect(answer.resources[0]!.typeUrl).toBe('type.googleapis.com/envoy.service.status.v3.ClientConfig');
  const config = fromBinary(ClientConfigSchema, answer.resources[0]!.value);
  expect(config.node).toMatchObject({ id: 'sleep.sample', metadata: { CLUSTER_ID: 'Kubernetes' } });
  expect(config.genericXdsConfigs.map(({ configStatus }) => configStatus)).toEqual([
    ConfigStatus.STALE,
    ...Array(4).fill(ConfigStatus.NOT_SENT),
  ]);
  expect(JSON.parse(answer.controlPlane!.identifier)).toMatchObject({ Component: 'istiod', ID: 'istiod' });
  const pages = stream('debug~0.0.0.0~istioctl~cluster.local');
  pages.send({ typeUrl: 'istio.io/debug', resourceNames: ['clusterz'] });
  expect(JSON.parse(Buffer.from((await pages.next()).resources[0]!.value).toString())).toEqual([
    { id: 'Kubernetes', secretName: '', syncStatus: 'synced' },
  ]);
  const dump = stream('debug~0.0.0.0~istioctl~cluster.local');
  dump.send({ typeUrl: 'istio.io/debug/config_dump', resourceNames: ['sleep.sample'] });
  const sections = (await dump.next()).resources;
  expect(sections.map(({ typeUrl }) => typeUrl.split('.').at(-1))).toEqual(
    expect.arrayContaining(['ClustersConfigDump', 'ListenersConfigDump', 'RoutesConfigDump']),
  );
  expect(fromBinary(ClustersConfigDumpSchema, sections[0]!.value).dynamicActiveClusters.length).toBeGreaterThan(3);
  const wrong = stream('debug~0.0.0.0~istioctl~cluster.local');
  wrong.send({ typeUrl: 'istio.io/debug', resourceNames: ['nonsense'] });
  await expect(wrong.next()).rejects.toMatchObject({ details: expect.stringContaining('"nonsense"') });
  for (const call of [proxy, asker, pages, dump, wrong]) call.close();
});

test('says when a node is none, and goes on', async () => {
  const bad = stream('nobody');
  bad.send({ typeUrl: TYPE_URL.cluster });
  await expect(bad.next()).rejects.toMatchObject({ details: expect.stringContaining('node id "nobody"') });
  const good = stream();
  good.send({ typeUrl: TYPE_URL.cluster });
  expect((await good.next()).resources.length).toBeGreaterThan(0);
  good.close();
});

test('pages: ready, version, problems, log levels', async () => {
  expect(await page('/ready')).toBe('ready\n');
  expect(await page('/version')).toMatch(/^\d+\.\d+\.\d+$/);
  expect(await page('//version')).toBe(await page('/version'));
  writeFileSync(join(directory, 'bad.yaml'), 'kind: a: b\n');
  for (;;) {
    const problems = JSON.parse(await page('/debug/problems')) as { problem: { code: string; line: number } }[];
    if (!problems.length) continue;
    expect(problems).toMatchObject([{ problem: { code: 'yaml-syntax', line: 1 } }]);
    break;
  }
  expect(await page('/metrics')).toContain('pilot_config_problems{code="yaml-syntax"} 1');
  expect(JSON.parse(await page('/debug/loglevel?ads=debug'))).toMatchObject({ ads: 'debug', default: 'info' });
  expect(await page('/debug/loglevel?ads=loud')).toContain('"loud" is not a level');
  const put = await fetch(`http://127.0.0.1:${plane.ports.http}/scopej/ads`, {
    method: 'PUT',
    body: '{"output_level":"error"}',
  });
  expect(put.status).toBe(202);
  expect(JSON.parse(await page('/scopej/ads'))).toEqual({ name: 'ads', output_level: 'error' });
  expect(await page('/debug/nothing')).toContain('there is no /debug/nothing');
});
