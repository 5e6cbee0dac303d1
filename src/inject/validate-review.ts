// The validation webhook without its server: an AdmissionReview with a mesh resource in, an answer with all its problems out.

import type { KubernetesObject } from '../kinds/object.ts';
import { kindOf } from '../kinds/registry.ts';
import type { Problem } from '../model/problem.ts';
import { answerReview, isAnswer, readReview, type WebhookAnswer, type WebhookBody } from './admission.ts';
import { isObject } from './json.ts';

/** All problems of an object as it came; must not throw. */
export type Validate = (raw: unknown) => readonly Problem[];

/**
 * Answers one call. Errors deny, each with its path; warnings are shown by kubectl. Deletions and objects of kinds that
 * nobody checks are allowed.
 */
export function answerValidation(call: WebhookBody, validate: Validate = validateByKind): WebhookAnswer {
  const request = readReview(call);
  if (isAnswer(request)) return request;
  if (request.object === undefined) {
    return answerReview(request, { allowed: true }, `${request.operation || 'request'} has no object to check`);
  }
  const problems = validate(request.object);
  const errors = problems.filter((problem) => problem.severity === 'error').map(describe);
  const warnings = problems.filter((problem) => problem.severity === 'warning').map(describe);
  const name = `${request.resourceKind || 'object'} ${request.namespace}/${request.name}`;
  if (errors.length === 0) return answerReview(request, { allowed: true, warnings }, `${name} is valid`);
  const message = `${name} is not valid: ${errors.join('; ')}`;
  return answerReview(request, { allowed: false, message, warnings }, message);
}

/** Kinds that have a definition in the cluster but change nothing, and what to do instead. */
const UNREAD: Readonly<Record<string, string>> = {
  'extensions.istio.io/WasmPlugin': 'WasmPlugin changes no proxy of this mesh: Envoy runs here without extensions.',
};

/** The check of the object's kind; none for kinds that the mesh does not read. */
export function validateByKind(raw: unknown): readonly Problem[] {
  if (!isObject(raw) || typeof raw.kind !== 'string') return [];
  const apiVersion = typeof raw.apiVersion === 'string' ? raw.apiVersion : undefined;
  const unread = UNREAD[`${apiVersion?.split('/')[0]}/${raw.kind}`];
  if (unread) return [{ code: 'unused-kind', severity: 'warning', path: '', message: unread }];
  return kindOf(apiVersion, raw.kind)?.validate(raw as unknown as KubernetesObject) ?? [];
}

function describe(problem: Problem): string {
  return problem.path ? `${problem.path}: ${problem.message}` : problem.message;
}
