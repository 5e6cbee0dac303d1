import { describe, expect, it } from 'vitest';
import { parseInjectorConfig } from './config.ts';
import { defaultMesh, defaultProxyConfig } from './defaults.ts';
import { mergeProxyConfig, parseMesh, parseProxyConfig, proxyConfigEnv } from './mesh.ts';
import { supportsNativeSidecars } from './native.ts';
import { parseValues } from './values.ts';

describe('values', () => {
  it('lays values over the defaults and takes numbers for text', () => {
    const { values, problems } = parseValues({
      global: { tag: 1.12, proxy: { statusPort: '15020', logLevel: null } },
      mine: { x: 1 },
    });
    expect(problems).toEqual([]);
    expect(values.global.tag).toBe('1.12');
    expect(values.global.proxy).toMatchObject({ statusPort: 15020, logLevel: 'warning' });
    expect(values.raw.mine).toEqual({ x: 1 });
  });

  it('removes a resource by null, and a whole part', () => {
    const resources = { limits: { cpu: null, memory: '1Gi' }, requests: null };
    expect(parseValues({ global: { proxy: { resources } } }).values.global.proxy.resources).toEqual({
      limits: { memory: '1Gi' },
    });
  });

  it('reports what has the wrong type, and goes on with the default', () => {
    const { values, problems } = parseValues({
      global: { proxy: { privileged: 'maybe', image: [] }, imagePullSecrets: 'x' },
      pilot: 3,
    });
    expect(problems.map((problem) => problem.path).sort()).toEqual([
      'values.global.imagePullSecrets',
      'values.global.proxy.image',
      'values.global.proxy.privileged',
      'values.pilot',
    ]);
    expect(values.global.proxy.privileged).toBe(false);
    expect(parseValues('text').problems).toHaveLength(1);
  });
});

describe('injector configuration', () => {
  it('reads YAML', () => {
    const text =
      'policy: disabled\ntemplates: {a: "x"}\naliases: {both: [sidecar, a]}\nneverInjectSelector: [{matchLabels: {a: b}}]';
    const { config, problems } = parseInjectorConfig(text);
    expect(problems).toEqual([]);
    expect(config).toMatchObject({
      policy: 'disabled',
      defaultTemplates: ['sidecar'],
      templates: { a: 'x' },
      aliases: { both: ['sidecar', 'a'] },
    });
  });

  it('injects nothing under a policy that it does not know, and says so', () => {
    const { config, problems } = parseInjectorConfig({
      policy: 'sometimes',
      templates: [],
      injectedAnnotations: { a: 1 },
    });
    expect(config.policy).toBe('disabled');
    expect(problems.map((problem) => problem.path)).toEqual([
      'config.policy',
      'config.templates',
      'config.injectedAnnotations.a',
    ]);
  });

  it('is the default when it is not YAML', () => {
    expect(parseInjectorConfig('a: [').problems).toHaveLength(1);
  });
});

describe('mesh and proxy configuration', () => {
  it('has the defaults without a document', () => {
    expect(parseMesh(undefined)).toEqual({ mesh: defaultMesh, problems: [] });
  });

  it('merges layers: metadata by key, the rest by field', () => {
    const merged = mergeProxyConfig(
      { proxyMetadata: { A: '1', B: '1' }, concurrency: 1 },
      { proxyMetadata: { B: '2' }, statusPort: 7 },
    );
    expect(merged).toEqual({ proxyMetadata: { A: '1', B: '2' }, concurrency: 1, statusPort: 7 });
  });

  it('reads the annotation in both spellings and refuses wrong types', () => {
    expect(parseProxyConfig('discovery_address: foo:123\nstatNameLength: 10').config).toEqual({
      discoveryAddress: 'foo:123',
      statNameLength: 10,
    });
    const { problems } = parseProxyConfig('concurrency: many\nproxyMetadata: [a]');
    expect(problems.map((problem) => problem.path.split('.').at(-1))).toEqual(['concurrency', 'proxyMetadata']);
    expect(parseProxyConfig('- a').problems).toHaveLength(1);
    expect(parseProxyConfig('{').problems).toHaveLength(1);
    expect(parseProxyConfig('')).toEqual({ config: {}, problems: [] });
  });

  it('tells the agent the address and the mesh, and otherwise only what is not default', () => {
    expect(JSON.parse(proxyConfigEnv({ ...defaultProxyConfig, drainDuration: '7s' }, 'mesh1'))).toEqual({
      discoveryAddress: 'istiod.istio-system.svc:15012',
      meshId: 'mesh1',
      drainDuration: '7s',
    });
  });

  it('reports a wrong type in MeshConfig', () => {
    const { mesh, problems } = parseMesh('trustDomain: 3\nproxyListenPort: 16001');
    expect(mesh).toMatchObject({ trustDomain: 'cluster.local', proxyListenPort: 16001 });
    expect(problems.map((problem) => problem.path)).toEqual(['mesh.trustDomain']);
  });
});

it.each<[readonly string[], boolean]>([
  [['v1.33.0', 'v1.34.1'], true],
  [['v1.33.0', 'v1.32.9'], false],
  [['v1.33.0-gke.1', '1.35.2+k3s1'], true],
  [['v2.0.0'], true],
  [['unknown'], false],
  [[], false],
])('native sidecars with nodes %j: %s', (versions, expected) =>
  expect(supportsNativeSidecars(versions)).toBe(expected),
);
