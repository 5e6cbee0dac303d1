import { describe, expect, it } from 'vitest';
import type { Problem } from '../model/problem.ts';
import { answerValidation, type Validate, validateByKind } from './validate-review.ts';

const body = (object: unknown) =>
  new TextEncoder().encode(
    JSON.stringify({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: {
        uid: 'u',
        kind: { kind: 'VirtualService' },
        namespace: 'shop',
        name: 'web',
        operation: 'CREATE',
        object,
      },
    }),
  );
const problem = (severity: Problem['severity'], path: string, message: string): Problem => ({
  code: 'x',
  severity,
  path,
  message,
});
const answer = (validate: Validate, object: unknown = { kind: 'VirtualService' }) => {
  const result = answerValidation({ body: body(object) }, validate);
  return { ...result, response: JSON.parse(result.body).response };
};

describe('the validation webhook', () => {
  it('allows what has no errors, and shows warnings', () => {
    const { response, outcome } = answer(() => [problem('warning', 'spec.hosts', 'is odd'), problem('info', '', 'hm')]);
    expect(response).toEqual({ uid: 'u', allowed: true, warnings: ['spec.hosts: is odd'] });
    expect(outcome).toBe('allowed');
  });

  it('denies with every error and its path', () => {
    const { response, outcome } = answer(() => [
      problem('error', 'spec.a', 'is bad'),
      problem('error', '', 'is worse'),
    ]);
    expect(response).toMatchObject({
      allowed: false,
      status: { code: 422, message: 'VirtualService shop/web is not valid: spec.a: is bad; is worse' },
    });
    expect(outcome).toBe('denied');
  });

  it('says of kinds that change nothing that they change nothing', () => {
    const plugin = { apiVersion: 'extensions.istio.io/v1alpha1', kind: 'WasmPlugin', metadata: { name: 'a' } };
    const { response } = answer(validateByKind, plugin);
    expect(response).toMatchObject({
      allowed: true,
      warnings: [expect.stringContaining('WasmPlugin changes no proxy')],
    });
  });

  it('allows deletions unseen', () => {
    const { response } = answer(() => [problem('error', '', 'never asked')], null);
    expect(response.allowed).toBe(true);
  });

  it('gives HTTP 400 to what is no AdmissionReview', () => {
    expect(answerValidation({ body: new TextEncoder().encode('{') }, () => [])).toMatchObject({
      status: 400,
      outcome: 'error',
    });
  });

  it("uses the kinds' own checks by default", () => {
    const good = { apiVersion: 'v1', kind: 'Nobody', metadata: { name: 'x' } };
    expect(JSON.parse(answerValidation({ body: body(good) }).body).response.allowed).toBe(true);
    const bad = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'web', namespace: 'shop' },
      spec: { hosts: 'web', htttp: [] },
    };
    const { response } = JSON.parse(answerValidation({ body: body(bad) }).body);
    expect(response.allowed).toBe(false);
    expect(response.status.message).toContain('spec');
  });
});
