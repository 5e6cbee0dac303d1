import { expect, test } from 'vitest';
import { parseOptions, splitAddress, UsageError } from './options.ts';

test('takes the arguments of the reference, inline or apart, and its environment', () => {
  const options = parseOptions(
    [
      'discovery',
      '--monitoringAddr=:15014',
      '--log_output_level',
      'default:info',
      '--domain',
      'example.org',
      '--keepaliveMaxServerConnectionAge',
      '30m',
    ],
    { CLUSTER_ID: 'cluster1', POD_NAMESPACE: 'mesh', REVISION: 'canary' },
  );
  expect(options).toMatchObject({
    clusterId: 'cluster1',
    namespace: 'mesh',
    remoteSecretsNamespace: 'mesh',
    revision: 'canary',
    domain: 'example.org',
    logLevels: 'default:info',
    maxConnectionAgeMs: 1_800_000,
    secureGrpcAddr: ':15012',
    grpcAddr: '127.0.0.1:15010',
    warnings: [],
  });
});

test('files alone open only what was asked for', () => {
  const options = parseOptions(['--config-dir', 'd', '--grpcAddr', '127.0.0.1:0'], {});
  expect(options).toMatchObject({
    configDir: 'd',
    grpcAddr: '127.0.0.1:0',
    secureGrpcAddr: '',
    httpsAddr: '',
    httpAddr: '',
    monitoringAddr: '',
  });
});

test('says which flags have no effect, and takes their values with them', () => {
  const options = parseOptions(['--plugins', 'a,b', '--ctrlz_port=9876', '--domain', 'd'], {});
  expect(options.warnings).toEqual([
    expect.stringContaining('--plugins has no effect'),
    expect.stringContaining('--ctrlz_port'),
  ]);
  expect(options.domain).toBe('d');
});

test.each([
  [['--nonsense'], /nonsense/],
  [['--grpcAddr', '15010x'], /--grpcAddr: "15010x" is not an address/],
  [['--shutdownDuration', '10'], /--shutdownDuration: "10" is not a duration/],
  [['extra'], /unexpected argument "extra"/],
])('refuses %j', (args, message) => {
  expect(() => parseOptions(args, {})).toThrow(UsageError);
  expect(() => parseOptions(args, {})).toThrow(message);
});

test('splits addresses', () => {
  expect(splitAddress(':15012')).toEqual({ host: '', port: 15012 });
  expect(splitAddress('[::1]:1')).toEqual({ host: '::1', port: 1 });
});
