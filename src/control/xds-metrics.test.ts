import { status } from '@grpc/grpc-js';
import { beforeEach, expect, test } from 'vitest';
import { TYPE_URL } from '../envoy/resource.ts';
import type { Proxy as Client } from '../model/proxy.ts';
import { type ConnectionStatus, Refused } from '../xds/connection.ts';
import type { XdsObserver } from '../xds/grpc.ts';
import { createLogs } from './log.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { observeXds } from './xds-metrics.ts';

const client = { id: 'sidecar~10.0.0.1~a.b~b.svc', cluster: 'east', istioVersion: '1.30.0' } as Client;
const connection = { client, address: '10.0.0.1:4711', protocol: 'delta' } as ConnectionStatus;

let metrics: Metrics;
let lines: string[];
let xds: XdsObserver;

beforeEach(() => {
  metrics = createMetrics();
  lines = [];
  const logs = createLogs({ json: true, write: (line) => lines.push(line) });
  xds = observeXds({ metrics, log: logs.scope('ads') });
});

const value = async (metric: string): Promise<number> => {
  const text = await metrics.registry.metrics();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${metric} `))
      ?.split(' ')
      .at(-1),
  );
};

test('a client that does not read is counted, named with its cluster, and no fault of ours', async () => {
  xds.opened!(connection);
  xds.stalled!(client);
  xds.closed!(connection, new Refused(status.RESOURCE_EXHAUSTED, 'the client does not read its configuration'));
  expect(await value('pilot_xds_stalled_clients_total')).toBe(1);
  expect(await value('pilot_total_xds_internal_errors')).toBe(0);
  expect(await value('pilot_xds{version="1.30.0"}')).toBe(0);
  const told = lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 'warn');
  expect(told).toMatchObject([{ msg: expect.stringContaining(client.id), cluster: 'east' }]);
});

test('responses and answers are counted by type; a rejection is told', async () => {
  xds.pushed!(TYPE_URL.endpoints, 1, 2_000);
  xds.pushed!('type.googleapis.com/some.Other', 1, 2_000);
  xds.answered!(TYPE_URL.endpoints, client, 20, undefined);
  xds.answered!(TYPE_URL.endpoints, client, 20, { code: 3, message: 'no such thing' });
  expect(await value('pilot_xds_pushes{type="eds"}')).toBe(1);
  expect(await value('pilot_xds_pushes{type="Other"}')).toBe(1);
  expect(await value('pilot_xds_config_size_bytes_sum{type="eds"}')).toBe(2_000);
  expect(await value('pilot_xds_push_time_count{type="eds"}')).toBe(2);
  expect(await value('pilot_proxy_convergence_time_bucket{le="0.05"}')).toBe(2);
  expect(await value('pilot_total_xds_rejects{type="eds"}')).toBe(1);
  expect(lines.join('\n')).toContain('rejected eds: no such thing');
});
