import { describe, expect, it } from 'vitest';
import type { WebhookAnswer } from './admission.ts';
import { defaultInjectorConfig } from './config.ts';
import { defaultMesh } from './defaults.ts';
import type { JsonValue } from './json.ts';
import { applyPatch, type PatchOperation } from './patch.ts';
import { findContainer, type Pod } from './pod.ts';
import { answerInjection, type InjectionContext } from './review.ts';
import { parseValues } from './values.ts';

const context: InjectionContext = {
  config: defaultInjectorConfig,
  values: parseValues({}).values,
  mesh: defaultMesh,
  revision: '',
  nativeSidecars: (cluster) => cluster === 'cluster2',
};
const pod = (metadata: object = {}, spec: object = {}): Pod => ({
  metadata: { generateName: 'web-', ...metadata },
  spec: { containers: [{ name: 'web', image: 'web:1' }], ...spec },
});

function call(body: unknown, path = '/inject', contentType?: string): WebhookAnswer {
  const bytes =
    body instanceof Uint8Array
      ? body
      : new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body));
  return answerInjection({ body: bytes, path, contentType }, context);
}

function review(object: unknown, change: object = {}, apiVersion = 'admission.k8s.io/v1'): unknown {
  const request = {
    uid: 'u-1',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    namespace: 'shop',
    operation: 'CREATE',
    object,
    ...change,
  };
  return { apiVersion, kind: 'AdmissionReview', request };
}

function response(answer: WebhookAnswer): {
  allowed: boolean;
  uid: string;
  patch?: string;
  patchType?: string;
  status?: { message: string; code: number };
  warnings?: string[];
} {
  expect(answer).toMatchObject({ status: 200, type: 'application/json' });
  const parsed = JSON.parse(answer.body);
  expect(parsed.kind).toBe('AdmissionReview');
  expect(parsed.response.uid).toBe('u-1');
  return parsed.response;
}

function patched(answer: WebhookAnswer, before: Pod): Pod {
  const { patch, patchType } = response(answer);
  expect(patchType).toBe('JSONPatch');
  return applyPatch(
    before as JsonValue,
    JSON.parse(Buffer.from(patch!, 'base64').toString()) as PatchOperation[],
  ) as Pod;
}

describe('the injection webhook', () => {
  it.each(['admission.k8s.io/v1', 'admission.k8s.io/v1beta1'])('answers %s in the same version', (version) => {
    const answer = call(review(pod(), {}, version));
    expect(JSON.parse(answer.body).apiVersion).toBe(version);
    expect(answer.outcome).toBe('patched');
    expect(findContainer(patched(answer, pod()), 'istio-proxy')).toBeDefined();
    expect(answer.message).toBe("pod shop/web-* injected: the injector's policy is enabled");
  });

  it("takes cluster and network from the path, and that cluster's abilities", () => {
    const result = patched(call(review(pod()), '/inject/cluster/cluster2/net/network1'), pod());
    const env = findContainer(result, 'istio-proxy')?.env;
    expect(env).toContainEqual({ name: 'ISTIO_META_CLUSTER_ID', value: 'cluster2' });
    expect(env).toContainEqual({ name: 'ISTIO_META_NETWORK', value: 'network1' });
    expect(result.metadata?.labels?.['topology.istio.io/network']).toBe('network1');
    expect(result.spec?.initContainers?.map((container) => container.name)).toEqual(['istio-init', 'istio-proxy']);
  });

  it('leaves alone what is not to be injected', () => {
    const answer = call(review(pod({ labels: { 'sidecar.istio.io/inject': 'false' } })));
    expect(response(answer)).toEqual({ uid: 'u-1', allowed: true });
    expect(answer.outcome).toBe('allowed');
  });

  it('uses the namespace of the request when the pod has none', () => {
    expect(call(review(pod(), { namespace: 'kube-system' })).message).toMatch(
      /kube-system is a namespace of Kubernetes/,
    );
  });

  it('allows a deletion, which has no object', () => {
    expect(response(call(review(null, { operation: 'DELETE' }))).allowed).toBe(true);
  });

  it('denies with all problems of the annotations', () => {
    const annotations = { 'sidecar.istio.io/proxyCPU': 'lots', 'status.sidecar.istio.io/port': 'x' };
    const answer = call(review(pod({ annotations })));
    expect(answer.outcome).toBe('denied');
    const { allowed, status } = response(answer);
    expect(allowed).toBe(false);
    expect(status?.message).toMatch(/proxyCPU is "lots".*port is "x"/);
  });

  it('denies a template that does not exist, naming those that do', () => {
    const answer = call(review(pod({ annotations: { 'inject.istio.io/templates': 'sidecar,grpc-agent' } })));
    expect(response(answer).status?.message).toMatch(/no injection template "grpc-agent"; there are gateway, sidecar/);
  });

  it('warns where something works otherwise than meant', () => {
    const answer = call(review(pod({}, { dnsPolicy: 'Default' })));
    expect(answer.outcome).toBe('patched');
    expect(response(answer).warnings).toEqual([expect.stringContaining('dnsPolicy is Default')]);
  });

  it.each<[string, unknown, RegExp]>([
    [
      'a Deployment',
      review({ kind: 'Deployment' }, { kind: { kind: 'Deployment' } }),
      /injection is for Pods, this is a Deployment/,
    ],
    ['no spec', review({ metadata: {} }), /it has no spec/],
    [
      'labels that are a list',
      review({ metadata: { labels: ['a'] }, spec: {} }),
      /metadata.labels must be an object, it is a list/,
    ],
    [
      'annotations that are numbers',
      review({ metadata: { annotations: { a: 1 } }, spec: {} }),
      /metadata.annotations\["a"\] must be a string/,
    ],
    ['containers that are an object', review({ spec: { containers: {} } }), /spec.containers must be a list/],
  ])('denies %s', (_, body, message) => {
    const { allowed, status } = response(call(body));
    expect(allowed).toBe(false);
    expect(status?.message).toMatch(message);
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', '', /body is empty/],
    ['text', 'hello', /not JSON/],
    ['half a document', '{"kind": "Admiss', /not JSON/],
    ['bytes that are not UTF-8', new Uint8Array([0xff, 0xfe, 0x7b]), /not JSON: not UTF-8/],
    ['a list', '[]', /a list; send an AdmissionReview/],
    ['null', 'null', /a null; send an AdmissionReview/],
    ['another kind', { kind: 'Pod' }, /of kind "Pod"; send an AdmissionReview/],
    ['an unknown version', review(pod(), {}, 'admission.k8s.io/v9'), /apiVersion is "admission.k8s.io\/v9"/],
    ['no request', { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' }, /has no request/],
    ['no uid', review(pod(), { uid: undefined }), /uid is missing/],
    ['an object that is none', review('pod'), /request.object is not an object/],
  ])('says HTTP 400 to %s', (_, body, message) => {
    const answer = call(body);
    expect(answer).toMatchObject({ status: 400, outcome: 'error' });
    expect(answer.body).toMatch(message);
  });

  it('says HTTP 415 to another content type', () => {
    expect(call(review(pod()), '/inject', 'text/plain')).toMatchObject({ status: 415, outcome: 'error' });
    expect(call(review(pod()), '/inject', 'application/json; charset=utf-8').status).toBe(200);
  });
});
