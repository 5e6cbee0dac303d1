// What single values do to the manifests.
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { generate } from './generate.ts';
import { type JsonObject, type Manifest, objectAt, textAt } from './json.ts';
import { resolve } from './resolve.ts';

const crds = ['a.networking.istio.io', 'b.networking.istio.io'].map((name) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name },
}));

function made(...sets: string[]): (kind: string, name?: string) => Manifest | undefined {
  const { installation, problems } = resolve({ files: [], sets });
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  const objects = generate({ installation: installation!, crds }).components.flatMap((component) => component.objects);
  return (kind, name) => objects.find((o) => o.kind === kind && (name === undefined || o.metadata.name === name));
}

const mesh = (...sets: string[]) =>
  parse(textAt(objectAt(made(...sets)('ConfigMap', 'istio'), 'data'), 'mesh')) as JsonObject;
const pod = (object: Manifest | undefined) => objectAt(object, 'spec.template.spec');
const remote = ['profile=remote', 'values.global.remotePilotAddress=10.0.0.1'];

describe('mesh config', () => {
  it('names the mesh and merges spec.meshConfig over values.meshConfig', () => {
    const sets = [
      'values.global.meshID=m1',
      'values.meshConfig.accessLogFile=/a',
      'values.meshConfig.trustDomain=td',
      'meshConfig.accessLogFile=/b',
    ];
    expect(mesh(...sets)).toMatchObject({ accessLogFile: '/b', trustDomain: 'td', defaultConfig: { meshId: 'm1' } });
  });
  it('has the standard metrics unless telemetry is off', () => {
    expect(mesh()).toHaveProperty('defaultProviders.metrics', ['prometheus']);
    expect(mesh('values.telemetry.enabled=false')).not.toHaveProperty('defaultProviders');
    expect(mesh('values.telemetry.v2.prometheus.enabled=false')).not.toHaveProperty('defaultProviders');
  });
  it('has the tracer of old documents', () => {
    expect(mesh()).not.toHaveProperty('defaultConfig.tracing');
    expect(mesh('values.global.proxy.tracer=zipkin')).toHaveProperty(
      'defaultConfig.tracing.zipkin.address',
      'zipkin.istio-system:9411',
    );
    const own = mesh('values.global.proxy.tracer=zipkin', 'values.global.tracer.zipkin.address=z:1');
    expect(own).toHaveProperty('defaultConfig.tracing.zipkin.address', 'z:1');
  });
});

it('schedules all pods by the global values, and one by its own', () => {
  const objects = made(
    'values.global.defaultNodeSelector.zone=a',
    'values.global.priorityClassName=high',
    'components.pilot.k8s.nodeSelector.zone=b',
  );
  expect(pod(objects('Deployment', 'istiod'))).toMatchObject({
    nodeSelector: { zone: 'b' },
    priorityClassName: 'high',
  });
  expect(pod(objects('Deployment', 'istio-ingressgateway'))).toMatchObject({
    nodeSelector: { zone: 'a' },
    priorityClassName: 'high',
  });
});

it('leaves out API types and the reader where asked to', () => {
  const objects = made('values.base.excludedCRDs={a.networking.istio.io}', 'values.global.enableReaderRBAC=false');
  expect(objects('CustomResourceDefinition')?.metadata.name).toBe('b.networking.istio.io');
  expect(objects('ServiceAccount', 'istio-reader-service-account')).toBeUndefined();
  expect(made('values.base.enableIstioConfigCRDs=false')('CustomResourceDefinition')).toBeUndefined();
});

it('a replica count beside an autoscaler is the least it goes down to', () => {
  const objects = made('components.pilot.k8s.replicaCount=7');
  expect(objects('HorizontalPodAutoscaler', 'istiod')?.spec).toMatchObject({ minReplicas: 7, maxReplicas: 7 });
  expect(objects('Deployment', 'istiod')?.spec).not.toHaveProperty('replicas');
  const fixed = made('components.pilot.k8s.replicaCount=2', 'values.pilot.autoscaleEnabled=false');
  expect(fixed('HorizontalPodAutoscaler', 'istiod')).toBeUndefined();
  expect(fixed('Deployment', 'istiod')?.spec).toMatchObject({ replicas: 2 });
});

describe('a remote cluster', () => {
  const hook = (objects: ReturnType<typeof made>) =>
    (objects('MutatingWebhookConfiguration')!.webhooks as JsonObject[])[0]!.clientConfig;
  it('reaches the primary by address through a Service with a slice', () => {
    const objects = made(
      ...remote,
      'values.global.multiCluster.clusterName=c2',
      'values.global.network=n1',
      'components.istiodRemote.k8s.serviceAnnotations.a=b',
    );
    expect(objects('EndpointSlice', 'istiod')).toMatchObject({
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.0.0.1'] }],
    });
    expect(objects('Service', 'istiod')?.metadata).toMatchObject({ annotations: { a: 'b' } });
    expect(hook(objects)).toEqual({
      service: { name: 'istiod', namespace: 'istio-system', path: '/inject/cluster/c2/net/n1', port: 443 },
    });
    expect(objects('Deployment')).toBeUndefined();
  });
  it('reaches it by name through an ExternalName, with the port of the gateway itself', () => {
    const objects = made('profile=remote', 'values.global.remotePilotAddress=mesh.example.com');
    expect(objects('Service', 'istiod')?.spec).toMatchObject({
      type: 'ExternalName',
      externalName: 'mesh.example.com',
    });
    expect(objects('EndpointSlice')).toBeUndefined();
    expect(hook(objects)).toMatchObject({ service: { port: 15017 } });
  });
  it('over IPv6 too', () => {
    expect(made('profile=remote', 'values.global.remotePilotAddress=fd00::1')('EndpointSlice')).toMatchObject({
      addressType: 'IPv6',
    });
  });
  it('by a URL of its own', () => {
    expect(hook(made(...remote, 'values.istiodRemote.injectionURL=https://x:15017/inject'))).toEqual({
      url: 'https://x:15017/inject',
    });
  });
});

it('old values switch gateways, unless the components say otherwise', () => {
  expect(made('values.gateways.istio-egressgateway.enabled=true')('Deployment', 'istio-egressgateway')).toBeDefined();
  expect(
    made('values.gateways.istio-ingressgateway.enabled=false')('Deployment', 'istio-ingressgateway'),
  ).toBeUndefined();
  const both = made('values.gateways.istio-ingressgateway.enabled=false', 'components.ingressGateways[0].enabled=true');
  expect(both('Deployment', 'istio-ingressgateway')).toBeDefined();
});

it('null on the command line stays null in values, so that injection does not fall back to its own default', () => {
  const values = textAt(
    objectAt(made('values.global.proxy.resources.limits.memory=null')('ConfigMap', 'istio-sidecar-injector'), 'data'),
    'values',
  );
  expect(JSON.parse(values)).toHaveProperty('global.proxy.resources.limits', { cpu: '2000m', memory: null });
});

it('every image can be complete in itself, and null takes a default away', () => {
  const objects = made(
    'values.pilot.image=r.example.com/p:1',
    'values.global.variant=debug',
    'values.pilot.resources.requests.memory=null',
  );
  const container = (name: string) => (pod(objects('Deployment', name)).containers as JsonObject[])[0]!;
  expect(container('istiod').image).toBe('r.example.com/p:1');
  expect(container('istiod').resources).toEqual({ requests: { cpu: '500m' } });
  expect(container('istio-ingressgateway').image).toBe('isthmus/proxy:latest-debug');
});
