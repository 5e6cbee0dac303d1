// Annotations, probes, metrics, owners and manifests: what the cases and goldens do not reach.
import { describe, expect, it } from 'vitest';
import { checkAnnotations } from './annotations.ts';
import { defaultInjectorConfig } from './config.ts';
import { defaultMesh } from './defaults.ts';
import { type InjectRequest, inject } from './inject.ts';
import { injectManifests } from './manifests.ts';
import type { Container, Pod } from './pod.ts';
import { findContainer } from './pod.ts';
import { rewriteProbes } from './probes.ts';
import { mergeMetrics } from './prometheus.ts';
import { appendNetwork } from './templates/cni.ts';
import { withFlavour } from './templates/image.ts';
import { parseValues } from './values.ts';
import { workloadOf } from './workload.ts';

const PROXY: Container = { name: 'istio-proxy', image: 'p' };
const withProxy = (container: Container, annotations: Record<string, string> = {}): Pod => ({
  metadata: { annotations },
  spec: { containers: [container, PROXY] },
});
const request = (pod: Pod, change: Partial<InjectRequest> = {}): InjectRequest => ({
  pod,
  namespace: { name: 'shop' },
  config: defaultInjectorConfig,
  values: parseValues({}).values,
  mesh: defaultMesh,
  revision: '',
  cluster: { nativeSidecars: true },
  ...change,
});
const APP: Container = { name: 'app', image: 'a' };

describe('annotations', () => {
  it.each([
    ['traffic.sidecar.istio.io/includeOutboundIPRanges', '*', true],
    ['traffic.sidecar.istio.io/includeOutboundIPRanges', '', true],
    ['traffic.sidecar.istio.io/includeOutboundIPRanges', '10.0.0.0/8, fd00::/8', true],
    ['traffic.sidecar.istio.io/includeOutboundIPRanges', '10.0.0.0/33', false],
    ['traffic.sidecar.istio.io/includeOutboundIPRanges', '10.0.0.1', false],
    ['traffic.sidecar.istio.io/excludeOutboundIPRanges', '*', false],
    ['traffic.sidecar.istio.io/excludeOutboundPorts', '25,65536', false],
    ['traffic.sidecar.istio.io/includeInboundPorts', '*', true],
    ['sidecar.istio.io/interceptionMode', 'redirect', false],
    ['sidecar.istio.io/proxyMemory', '1.5Gi', true],
    ['sidecar.istio.io/proxyMemory', '1 Gi', false],
    ['sidecar.istio.io/userVolume', '{"a":{}}', true],
    ['sidecar.istio.io/userVolume', '[{"name":"a"}]', true],
    ['sidecar.istio.io/userVolume', '[{}]', false],
    ['sidecar.istio.io/userVolume', 'a', false],
    ['status.sidecar.istio.io/port', '0', true],
    ['readiness.status.sidecar.istio.io/periodSeconds', '-1', false],
    ['sidecar.istio.io/rewriteAppHTTPProbers', 'yes', false],
    ['somebody.else/port', 'x', true],
  ])('%s: %j is valid: %s', (name, value, valid) => {
    const problems = checkAnnotations({ [name]: value });
    expect(problems.map((problem) => problem.path)).toEqual(valid ? [] : [`metadata.annotations["${name}"]`]);
  });
});

describe('probes', () => {
  const settings = { rewrite: true, agentPort: 15020, reinjected: false };
  const probe = (readinessProbe: object, more: object = {}): Container =>
    ({ ...APP, ...more, readinessProbe }) as Container;

  it('stay when nobody asks, when there is no proxy, and when the agent answers none', () => {
    const pod = withProxy(probe({ httpGet: { port: 80 } }));
    expect(rewriteProbes(pod, { ...settings, rewrite: false }).pod).toEqual(pod);
    const off = withProxy(probe({ httpGet: { port: 80 } }), { 'sidecar.istio.io/rewriteAppHTTPProbers': 'false' });
    expect(rewriteProbes(off, settings).pod).toEqual(off);
    const alone: Pod = { spec: { containers: [probe({ httpGet: { port: 80 } })] } };
    expect(rewriteProbes(alone, settings).pod).toEqual(alone);
    const silent = withProxy(probe({ httpGet: { port: 80 } }), { 'status.sidecar.istio.io/port': '0' });
    expect(rewriteProbes(silent, settings).pod).toEqual(silent);
  });

  it('with a port name that nobody declares stay, with a warning', () => {
    const pod = withProxy(probe({ httpGet: { port: 'web' } }));
    const result = rewriteProbes(pod, settings);
    expect(findContainer(result.pod, 'app')).toEqual(pod.spec?.containers?.[0]);
    expect(result.problems).toMatchObject([
      { code: 'unknown-probe-port', path: 'spec.containers[name=app].readinessProbe' },
    ]);
  });

  it('keep host, headers and timing', () => {
    const httpGet = { port: '8080', path: '/x', host: 'h', httpHeaders: [{ name: 'A', value: 'b' }] };
    const { pod } = rewriteProbes(withProxy(probe({ httpGet, periodSeconds: 7 })), settings);
    expect(findContainer(pod, 'app')?.readinessProbe).toEqual({
      periodSeconds: 7,
      httpGet: { ...httpGet, path: '/app-health/app/readyz', port: 15020 },
    });
    const env = findContainer(pod, 'istio-proxy')?.env?.[0];
    expect(JSON.parse(env?.value ?? '')).toEqual({ '/app-health/app/readyz': { httpGet: { ...httpGet, port: 8080 } } });
  });
});

describe('metrics merging', () => {
  const scraped = (annotations: Record<string, string>) =>
    mergeMetrics(withProxy(APP, annotations), defaultMesh, 15020);
  const told = (pod: Pod) => findContainer(pod, 'istio-proxy')?.env?.[0]?.value;

  it('moves every spelling that Prometheus accepts', () => {
    const pod = scraped({ 'prometheus.io.port': '9', 'prometheus-io/path': '/m', other: 'x' });
    expect(pod.metadata?.annotations).toEqual({
      other: 'x',
      'prometheus.io/port': '15020',
      'prometheus.io/path': '/stats/prometheus',
      'prometheus.io/scrape': 'true',
    });
    expect(JSON.parse(told(pod) ?? '')).toEqual({ scrape: '', path: '/m', port: '9' });
  });

  it.each([
    [{ 'prometheus.io/scrape': 'false' }],
    [{ 'prometheus.istio.io/merge-metrics': 'false', 'prometheus.io/port': '9' }],
    [{ 'prometheus.io/port': '15020' }],
  ])('leaves %j alone', (annotations) => {
    expect(scraped(annotations).metadata?.annotations).toEqual(annotations);
  });

  it('can be off in the mesh and on for a pod', () => {
    const mesh = { ...defaultMesh, enablePrometheusMerge: false };
    expect(told(mergeMetrics(withProxy(APP, { 'prometheus.io/port': '9' }), mesh, 15020))).toBeUndefined();
    const wish = { 'prometheus.io/port': '9', 'prometheus.istio.io/merge-metrics': 'true' };
    expect(told(mergeMetrics(withProxy(APP, wish), mesh, 15020))).toContain('"port":"9"');
  });
});

describe('owners', () => {
  const owned = (kind: string, name: string, labels = {}, apiVersion = 'apps/v1', annotations = {}): Pod => ({
    metadata: {
      generateName: 'g-',
      labels,
      annotations,
      ownerReferences: [{ kind, name, apiVersion, controller: true }],
    },
  });

  it.each<[string, Pod, object]>([
    [
      'a Deployment by its ReplicaSet',
      owned('ReplicaSet', 'web-5d', { 'pod-template-hash': '5d' }),
      { kind: 'Deployment', name: 'web' },
    ],
    [
      'a ReplicaSet of nobody',
      owned('ReplicaSet', 'web', { 'pod-template-hash': '5d' }),
      { kind: 'ReplicaSet', name: 'web' },
    ],
    [
      'a Rollout',
      owned('ReplicaSet', 'web-5d', { 'rollouts-pod-template-hash': '5d' }),
      { kind: 'Rollout', apiVersion: 'argoproj.io/v1alpha1' },
    ],
    [
      'a CronJob by its Job',
      owned('Job', 'nightly-28123456', {}, 'batch/v1'),
      { kind: 'CronJob', name: 'nightly', apiVersion: 'batch/v1' },
    ],
    ['a Job', owned('Job', 'once', {}, 'batch/v1'), { kind: 'Job', name: 'once' }],
    [
      'a DeploymentConfig',
      owned('ReplicationController', 'web-1', { deploymentconfig: 'web' }, 'v1'),
      { kind: 'DeploymentConfig', name: 'web' },
    ],
    ['a StatefulSet', owned('StatefulSet', 'db'), { kind: 'StatefulSet', name: 'db' }],
    ['the pod itself', { metadata: { name: 'solo' } }, { kind: 'Pod', name: 'solo', apiVersion: 'v1' }],
    ['a pod without a name yet', { metadata: { generateName: 'solo-' } }, { kind: 'Pod', name: 'solo' }],
  ])('%s', (_, pod, expected) => expect(workloadOf(pod, 'shop')).toMatchObject({ ...expected, namespace: 'shop' }));
});

describe('injection of a pod', () => {
  const pod = (annotations: Record<string, string> = {}, spec: object = {}): Pod => ({
    metadata: { name: 'web', annotations },
    spec: { containers: [APP], ...spec },
  });

  it("lets the pod's own network label win over the path and the values", () => {
    const labelled: Pod = {
      metadata: { labels: { 'topology.istio.io/network': 'mine' } },
      spec: { containers: [APP] },
    };
    const result = inject(request(labelled, { cluster: { nativeSidecars: true, env: { ISTIO_META_NETWORK: 'n' } } }));
    expect(findContainer(result.pod, 'istio-proxy')?.env).toContainEqual({ name: 'ISTIO_META_NETWORK', value: 'mine' });
  });

  it('has no capture container with mode NONE', () => {
    const result = inject(request(pod({ 'sidecar.istio.io/interceptionMode': 'NONE' })));
    expect(result.pod.spec?.initContainers?.map((container) => container.name)).toEqual(['istio-proxy']);
  });

  it('holds capabilities only where asked', () => {
    const result = inject(request(pod({ 'sidecar.istio.io/capNetBindService': 'true' })));
    expect(findContainer(result.pod, 'istio-proxy')?.securityContext).toMatchObject({
      capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] },
      runAsUser: 0,
    });
  });

  it("follows labels of the namespace when they are given, and not when they aren't", () => {
    expect(inject(request(pod(), { namespace: { name: 'shop', labels: {} } })).decision.code).toBe(
      'namespace-not-selected',
    );
    expect(inject(request(pod())).decision.inject).toBe(true);
  });

  it('takes ProxyConfig resources between the mesh and the annotation', () => {
    const proxyConfig = { proxyMetadata: { A: 'resource', B: 'resource' } };
    const result = inject(request(pod({ 'proxy.istio.io/config': 'proxyMetadata: {B: pod}' }), { proxyConfig }));
    const env = findContainer(result.pod, 'istio-proxy')?.env;
    expect(env).toContainEqual({ name: 'A', value: 'resource' });
    expect(env).toContainEqual({ name: 'B', value: 'pod' });
  });

  it('refuses a template that cannot be run, and says where it breaks', () => {
    const config = { ...defaultInjectorConfig, templates: { mine: 'spec:\n  x: {{ .Spec.Nothing }}' } };
    const result = inject(request(pod({ 'inject.istio.io/templates': 'sidecar,mine' }), { config }));
    expect(result).toMatchObject({ decision: { inject: false, code: 'invalid' }, patch: [] });
    expect(result.problems).toMatchObject([{ code: 'template-failed', path: 'config.templates.mine', line: 2 }]);
    expect(result.problems[0]?.message).toContain('{{ .Spec.Nothing }}: PodSpec has no field Nothing');
  });

  it.each([
    ['metadata: [', /not YAML/],
    ['- a', /must render to an object/],
  ])('refuses the template %j', (source, message) => {
    const config = { ...defaultInjectorConfig, templates: { sidecar: source } };
    expect(inject(request(pod(), { config })).problems[0]?.message).toMatch(message);
  });

  it('refuses overrides that it cannot read', () => {
    const result = inject(request(pod({ 'proxy.istio.io/overrides': '{' })));
    expect(result.problems[0]?.path).toBe('metadata.annotations["proxy.istio.io/overrides"]');
  });
});

describe('manifests', () => {
  const settings = { ...request({}), namespace: 'default' };

  it('writes nothing when one workload cannot be injected, and names it with file and field', () => {
    const bad =
      'kind: Pod\nmetadata: {name: a, annotations: {status.sidecar.istio.io/port: x}}\nspec: {containers: []}';
    const result = injectManifests(
      `${bad}\n---\nkind: Pod\nmetadata: {name: b}\nspec: {containers: []}\n`,
      'f.yaml',
      settings,
    );
    expect(result.output).toBe('');
    expect(result.errors).toEqual([expect.stringMatching(/^f\.yaml: Pod "a": metadata\.annotations\["status/)]);
  });

  it('names the line of a syntax error', () => {
    expect(injectManifests('a: 1\n---\nb: [', 'f.yaml', settings).errors[0]).toMatch(/^f\.yaml:3: not valid YAML/);
  });

  it('passes other documents as they were written', () => {
    const text = '# a comment\nkind: Service\nspec: {  odd:   spacing }\n';
    expect(injectManifests(text, 'f', settings).output).toBe(`${text}---\n`);
  });

  it('reads octal modes as Kubernetes does, and quotes what older readers would misread', () => {
    const text =
      'kind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, args: ["on"]}], volumes: [{name: v, configMap: {defaultMode: 0644}}]}';
    const { output } = injectManifests(text, 'f', settings);
    expect(output).toContain('defaultMode: 420');
    expect(output).toContain('- "on"');
  });
});

it.each([
  ['1.2', '', '1.2'],
  ['1.2', 'debug', '1.2-debug'],
  ['1.2-debug', 'distroless', '1.2-distroless'],
  ['1.2-distroless', 'default', '1.2'],
])('tag %s with flavour %j is %s', (tag, flavour, expected) => expect(withFlavour(tag, flavour)).toBe(expected));

it.each([
  ['', 'default/istio-cni'],
  ['a, b', 'a, b, default/istio-cni'],
  ['a, default/istio-cni', 'a, default/istio-cni'],
  ['[{"name":"a"}]', '[{"name":"a"}, {"name":"istio-cni","namespace":"default"}]'],
  ['[]', '[{"name":"istio-cni","namespace":"default"}]'],
])('networks %j become %j', (given, expected) => expect(appendNetwork(given)).toBe(expected));
