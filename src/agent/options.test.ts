import { describe, expect, it } from 'vitest';
import { parseDuration } from './duration.ts';
import { envoyArguments } from './envoy-process.ts';
import { createLogger, defaultLevel } from './log.ts';
import { nodeMetadata, portOf, serviceCluster } from './metadata.ts';
import { type AgentInput, readAgentOptions } from './options.ts';
import { parsePodInfo } from './pod-info.ts';

const input: AgentInput = {
  args: ['sidecar', '--domain', 'sample.svc.cluster.local', '--log_output_level=default:debug,ca:info'],
  env: {
    POD_NAME: 'web-1',
    POD_NAMESPACE: 'sample',
    INSTANCE_IP: '10.0.0.7',
    SERVICE_ACCOUNT: 'web',
    ISTIO_META_CLUSTER_ID: 'c1',
  },
  labels: { app: 'web', 'pod-template-hash': 'x' },
  annotations: {},
  documents: [],
  addresses: ['10.0.0.7', 'fd00::7'],
};

describe('statistics of outbound clusters', () => {
  const stated = (annotations: Record<string, string>, matcher: object = {}) =>
    nodeMetadata(readAgentOptions({ ...input, annotations, documents: [{ proxyStatsMatcher: matcher }] }))
      .ISTHMUS_CLUSTER_STATS;
  const prefixes = (list: string) => stated({ 'sidecar.istio.io/statsInclusionPrefixes': list });

  it('are nobody’s wish by default', () => expect(stated({})).toBe('none'));
  it.each(['listener', 'http.{pod_ip}_,cluster.xds-grpc', 'cluster.inbound', 'cluster.outbound.'])(
    'are not meant by %s',
    (list) => expect(prefixes(list)).toBe('none'),
  );
  it.each(['cluster', 'c', 'cluster.outbound', 'listener,cluster.outbound|80||web.sample.svc.cluster.local'])(
    'may be meant by %s',
    (list) => expect(prefixes(list)).toBeUndefined(),
  );
  it('may be meant by any suffix and any regular expression', () => {
    expect(stated({ 'sidecar.istio.io/statsInclusionSuffixes': 'upstream_rq_retry' })).toBeUndefined();
    expect(stated({}, { inclusionSuffixes: ['upstream_rq_retry'] })).toBeUndefined();
    expect(stated({ 'sidecar.istio.io/statsInclusionRegexps': '.*circuit_breakers.*' })).toBeUndefined();
    expect(stated({}, { inclusionRegexps: ['.*circuit_breakers.*'] })).toBeUndefined();
  });
});

describe('durations', () => {
  it.each([
    ['5s', 5000],
    ['1m30s', 90_000],
    ['5.500s', 5500],
    ['250ms', 250],
    ['24h', 86_400_000],
    ['0', 0],
    ['', undefined],
    ['5', undefined],
    ['s5', undefined],
    ['5s ', undefined],
  ])('%s', (text, expected) => expect(parseDuration(text)).toBe(expected));
});

describe('downward API files', () => {
  it("undoes Go's quoting", () => {
    const text = 'app="web"\nnote="a \\"b\\" = c\\n\\x41\\u00e9\\U0001F600"\nempty=""\n\nbroken\nbad="x\n';
    expect(parsePodInfo(text)).toEqual({ app: 'web', note: 'a "b" = c\nAé😀', empty: '' });
  });
});

describe('options', () => {
  it("gives Istio's defaults", () => {
    expect(readAgentOptions(input)).toMatchObject({
      nodeId: 'sidecar~10.0.0.7~web-1.sample~sample.svc.cluster.local',
      addresses: ['10.0.0.7', 'fd00::7'],
      xds: { address: 'istiod.istio-system.svc:15012', tls: true },
      caAddress: 'istiod.istio-system.svc:15012',
      certificates: true,
      drainDuration: 5000,
      adminPort: 15000,
      statusPort: 15020,
      level: 'debug',
      concurrency: undefined,
      problems: [],
    });
  });
  it('takes the annotation over PROXY_CONFIG over the defaults, key by key for proxyMetadata', () => {
    const options = readAgentOptions({
      ...input,
      documents: [
        { terminationDrainDuration: '7s', drainDuration: '10s', proxyMetadata: { A: '1', B: '1' } },
        { terminationDrainDuration: '9s', proxyMetadata: { B: '2' } },
      ],
    });
    expect(options).toMatchObject({
      drainDuration: 9000,
      proxyConfig: { drainDuration: 10_000, proxyMetadata: { A: '1', B: '2' } },
    });
    expect(options.env).toMatchObject({ A: '1', B: '2' });
  });
  it('lets the real environment win over proxyMetadata', () => {
    const documents = [{ proxyMetadata: { SERVICE_ACCOUNT: 'other', ISTIO_META_X: 'y' } }];
    const options = readAgentOptions({ ...input, documents });
    expect(options.serviceAccount).toBe('web');
    expect(nodeMetadata(options).X).toBe('y');
  });
  it('keeps a default and says so when a value cannot be used', () => {
    const options = readAgentOptions({
      ...input,
      env: { ...input.env, SECRET_TTL: 'long', ENVOY_STATUS_PORT: '70000' },
      documents: [{ statusPort: 'x', terminationDrainDuration: 'soon' }],
    });
    expect(options).toMatchObject({
      statusPort: 15020,
      drainDuration: 5000,
      certificateTtl: 86_400_000,
      envoyStatusPort: 15021,
    });
    expect(options.problems).toHaveLength(4);
    expect(options.problems.join()).toMatch(/terminationDrainDuration.*statusPort.*SECRET_TTL.*ENVOY_STATUS_PORT/s);
  });
  it('asks no CA when discovery is in the clear', () => {
    const options = readAgentOptions({ ...input, documents: [{ discoveryAddress: '127.0.0.1:15010' }] });
    expect(options).toMatchObject({ xds: { tls: false }, certificates: false });
  });
  it('refuses an unknown type', () => {
    expect(() => readAgentOptions({ ...input, args: ['waypoint'] })).toThrow("unknown type 'waypoint'");
  });
  it('gives Envoy as many threads as the flag, the config or the CPU limit says, in this order', () => {
    const threads = (more: Partial<AgentInput>) => {
      const args = envoyArguments(readAgentOptions({ ...input, ...more }), 'f');
      return args.includes('--concurrency') ? args[args.indexOf('--concurrency') + 1] : undefined;
    };
    const env = { ...input.env, ISTIO_CPU_LIMIT: '4' };
    expect(threads({})).toBe(undefined);
    expect(threads({ env })).toBe('4');
    expect(threads({ env, documents: [{ concurrency: 3 }] })).toBe('3');
    expect(threads({ env, documents: [{ concurrency: 0 }] })).toBe(undefined);
    expect(threads({ env, documents: [{ concurrency: 3 }], args: [...input.args, '--concurrency=2'] })).toBe('2');
  });
});

describe('metadata', () => {
  it('has labels without the template hash, and the pod ports compact', () => {
    const env = {
      ...input.env,
      ISTIO_META_POD_PORTS: '[\n {"containerPort":80}\n]',
      ISTIO_METAJSON_EXTRA: '{"K":{"a":1}}',
    };
    const meta = nodeMetadata(readAgentOptions({ ...input, env }));
    expect(meta).toMatchObject({
      LABELS: { app: 'web' },
      POD_PORTS: '[{"containerPort":80}]',
      K: { a: 1 },
      CLUSTER_ID: 'c1',
    });
    expect(meta.LABELS).not.toHaveProperty('pod-template-hash');
  });
  it('names the service cluster by flag, app label or workload', () => {
    const named = (more: Partial<AgentInput>) => serviceCluster(readAgentOptions({ ...input, ...more }));
    expect(named({})).toBe('web.sample');
    expect(named({ labels: {}, env: { ...input.env, ISTIO_META_WORKLOAD_NAME: 'w' } })).toBe('w.sample');
    expect(named({ args: ['sidecar', '--serviceCluster', 'mine'] })).toBe('mine');
  });
  it('finds ports', () => {
    expect(portOf('[fd00::1]:15012')).toBe(15012);
    expect(() => portOf('host:')).toThrow('expected host:port');
  });
});

describe('logs', () => {
  it('reads the level of the default scope', () => {
    expect(defaultLevel('ca:debug,default:warn')).toBe('warn');
    expect(defaultLevel('debug')).toBe('debug');
    expect(defaultLevel('all:error')).toBe('error');
    expect(defaultLevel('nonsense')).toBe('info');
  });
  it('writes lines at or above the level, as text or JSON', () => {
    const lines: string[] = [];
    const now = () => new Date(0);
    createLogger({ level: 'warn', now, write: (line) => lines.push(line) }).info('no');
    createLogger({ level: 'warn', now, write: (line) => lines.push(line) }).warn('yes', { a: 'b', n: 1 });
    createLogger({ json: true, now, write: (line) => lines.push(line) }).info('x', { a: 'b' });
    expect(lines).toEqual([
      '1970-01-01T00:00:00.000Z\twarn\tyes\ta=b\tn=1\n',
      '{"level":"info","time":"1970-01-01T00:00:00.000Z","scope":"agent","msg":"x","a":"b"}\n',
    ]);
  });
});
