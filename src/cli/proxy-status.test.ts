import { expect, test } from 'vitest';
import { filterStatus, readStatus, renderStatus } from './proxy-status.ts';
import { refusedSecrets, renderClusters, renderRefused } from './remote-clusters.ts';

const answer = (istiod: string, proxies: unknown) => ({ istiod, body: JSON.stringify(proxies) });

test('shows every proxy of every control plane, and why something was rejected', () => {
  const rows = readStatus([
    answer('istiod-2', [
      {
        proxy: 'b.n',
        cluster_id: 'c2',
        istio_version: '1.28.0',
        cluster_sent: '2',
        cluster_acked: '1',
        listener_sent: '3',
      },
    ]),
    answer('istiod-1', [
      {
        proxy: 'a.n',
        cluster_id: 'c1',
        proxy_version: '1.40.0',
        cluster_sent: '1',
        cluster_acked: '1',
        endpoint_sent: '2',
        endpoint_acked: '2',
        listener_sent: '3',
        listener_acked: '3',
        errors: { LDS: 'bad listener' },
      },
    ]),
  ]);
  expect(
    renderStatus(rows)
      .split('\n')
      .map((line) => line.trimEnd().replace(/ {2,}/g, ' | ')),
  ).toEqual([
    'NAME | CLUSTER | CDS | LDS | EDS | RDS | ECDS | ISTIOD | VERSION',
    'a.n | c1 | SYNCED | ERROR | SYNCED | NOT SENT | NOT SENT | istiod-1 | 1.40.0*',
    'b.n | c2 | STALE | STALE (Never Acknowledged) | NOT SENT | NOT SENT | NOT SENT | istiod-2 | 1.28.0',
    '',
    'a.n rejected LDS: bad listener',
    '',
  ]);
  expect(JSON.parse(renderStatus(rows, 'json'))).toMatchObject([{ name: 'a.n' }, { name: 'b.n' }]);
  expect(() => renderStatus(rows, 'xml')).toThrow(/table, json and yaml/);
});

test('an answer that is no list names who gave it', () => {
  expect(() => readStatus([{ istiod: 'istiod-1', body: 'not ready' }])).toThrow(/istiod-1.*not ready/);
});

test('finds proxies by pod, by the start of a name and by workload, in all clusters', () => {
  const names = ['web-5dd6f-abcde.a', 'web-7cc8b-fghij.b', 'web-api-5dd6f-abcde.a', 'db-0.a', 'db-x.a', 'log-abcde.a'];
  const rows = readStatus([
    answer(
      'istiod',
      names.map((proxy) => ({ proxy })),
    ),
  ]);
  const find = (text: string, namespace?: string) => filterStatus(rows, text, namespace).map(({ name }) => name);
  expect(find('web-5dd6f-abcde.a')).toEqual(['web-5dd6f-abcde.a']);
  expect(find('web-', 'b')).toEqual(['web-7cc8b-fghij.b']);
  expect(find('pod/db-0.a')).toEqual(['db-0.a']);
  expect(find('deploy/web')).toEqual(['web-5dd6f-abcde.a', 'web-7cc8b-fghij.b']);
  expect(find('deployments/web.a')).toEqual(['web-5dd6f-abcde.a']);
  expect(find('deployment/web', 'b')).toEqual(['web-7cc8b-fghij.b']);
  expect(find('sts/db.a')).toEqual(['db-0.a']);
  expect(find('ds/log.a')).toEqual(['log-abcde.a']);
  expect(() => find('service/web.a')).toThrow(/service\/web\.a.*deployment\/name/);
});

test('remote clusters', () => {
  const states = [
    {
      id: 'c2',
      secretName: 'istio-system/s',
      syncStatus: 'timeout',
      istiod: 'i',
      errors: { Pod: 'cluster c2: refused', Node: 'x' },
    },
    { id: 'c1', secretName: '', syncStatus: 'synced', istiod: 'i', errors: {} as Record<string, string> },
  ];
  expect(
    renderClusters(states)
      .split('\n')
      .map((line) => line.trimEnd().split(/ +/)),
  ).toEqual([
    ['NAME', 'SECRET', 'STATUS', 'ISTIOD'],
    ['c1', 'synced', 'i'],
    ['c2', 'istio-system/s', 'timeout', 'i'],
    [''],
    'c2 is not followed by i (Pod, Node): cluster c2: refused'.split(' '),
    [''],
  ]);
});

test('remote secrets that are not used are told once', () => {
  const object = { namespace: 'istio-system', name: 's' };
  const answer = [
    { source: 'remote secrets', problem: { object, path: 'data.c3', message: 'is broken.' } },
    { source: 'mesh CA', problem: { path: '', message: 'something else' } },
  ];
  const refused = refusedSecrets(answer);
  expect(renderRefused([...refused, ...refused])).toBe('\nsecret istio-system/s is not used: data.c3: is broken.\n');
  expect(renderRefused([])).toBe('');
});
