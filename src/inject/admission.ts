// AdmissionReview (admission.k8s.io v1 and v1beta1): reading a webhook's body and writing its answer. Bad bodies are values.
import type { JsonObject, JsonValue } from './json.ts';
import { isObject } from './json.ts';
import type { PatchOperation } from './patch.ts';

/** An HTTP answer. */
export interface WebhookAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  /** For metrics and logs. `error`: the body could not be understood. */
  readonly outcome: 'patched' | 'allowed' | 'denied' | 'error';
  /** One line on what happened and why. */
  readonly message: string;
}

export interface AdmissionRequest {
  readonly apiVersion: string;
  readonly uid: string;
  readonly operation: string;
  readonly namespace: string;
  readonly name: string;
  /** Absent for DELETE. */
  readonly object?: JsonObject;
  readonly resourceKind: string;
  readonly dryRun: boolean;
}

export interface WebhookBody {
  readonly body: Uint8Array;
  /** Absent counts as JSON. */
  readonly contentType?: string;
}

export interface Verdict {
  readonly allowed: boolean;
  /** Why not; shown by kubectl. */
  readonly message?: string;
  readonly code?: number;
  readonly reason?: string;
  readonly patch?: readonly PatchOperation[];
  /** Shown by kubectl beside the result. */
  readonly warnings?: readonly string[];
}

const VERSIONS = ['admission.k8s.io/v1', 'admission.k8s.io/v1beta1'];

/** The API server cuts off longer warnings. */
const MAX_WARNING = 256;

/** Reads a body, or gives the HTTP answer that says what is wrong with it. Never throws. */
export function readReview(input: WebhookBody): AdmissionRequest | WebhookAnswer {
  const type = input.contentType?.split(';')[0]?.trim().toLowerCase();
  if (type !== undefined && type !== 'application/json') {
    return failed(415, `the content type is ${type}; send application/json`);
  }
  if (input.body.length === 0) return failed(400, 'the body is empty; send an AdmissionReview');
  const parsed = parseJson(input.body);
  if (parsed instanceof Error) return failed(400, `the body is not JSON: ${parsed.message}`);
  if (!isObject(parsed) || parsed.kind !== 'AdmissionReview') {
    const kind = isObject(parsed) ? `of kind ${JSON.stringify(parsed.kind ?? null)}` : `a ${nameOf(parsed)}`;
    return failed(400, `the body is ${kind}; send an AdmissionReview`);
  }
  const { apiVersion, request } = parsed;
  if (typeof apiVersion !== 'string' || !VERSIONS.includes(apiVersion)) {
    return failed(400, `apiVersion is ${JSON.stringify(apiVersion ?? null)}; send ${VERSIONS.join(' or ')}`);
  }
  if (!isObject(request)) return failed(400, 'the AdmissionReview has no request');
  if (typeof request.uid !== 'string' || request.uid === '') return failed(400, 'request.uid is missing');
  if (request.object !== undefined && request.object !== null && !isObject(request.object)) {
    return failed(400, 'request.object is not an object');
  }
  return {
    apiVersion,
    uid: request.uid,
    operation: text(request.operation),
    namespace: text(request.namespace),
    name: text(request.name),
    ...(isObject(request.object) ? { object: request.object } : {}),
    resourceKind: isObject(request.kind) ? text(request.kind.kind) : '',
    dryRun: request.dryRun === true,
  };
}

export function isAnswer(value: AdmissionRequest | WebhookAnswer): value is WebhookAnswer {
  return 'status' in value;
}

/** The answer to a request that was understood. */
export function answerReview(request: AdmissionRequest, verdict: Verdict, message: string): WebhookAnswer {
  const patch = verdict.patch ?? [];
  const warnings = (verdict.warnings ?? []).map((warning) => warning.slice(0, MAX_WARNING));
  const response = {
    uid: request.uid,
    allowed: verdict.allowed,
    ...(verdict.message === undefined
      ? {}
      : { status: { code: verdict.code ?? 422, reason: verdict.reason ?? 'Invalid', message: verdict.message } }),
    ...(patch.length > 0
      ? { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }
      : {}),
    ...(warnings.length > 0 ? { warnings } : {}),
  };
  const outcome = verdict.allowed ? (patch.length > 0 ? 'patched' : 'allowed') : 'denied';
  const body = JSON.stringify({ apiVersion: request.apiVersion, kind: 'AdmissionReview', response });
  return { status: 200, type: 'application/json', body, outcome, message };
}

function failed(status: number, message: string): WebhookAnswer {
  return { status, type: 'text/plain; charset=utf-8', body: `${message}\n`, outcome: 'error', message };
}

function parseJson(body: Uint8Array): JsonValue | Error {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as JsonValue;
  } catch (error) {
    // The parser quotes the body, which may be long and may be a secret.
    const message = (error as Error).message.split('\n')[0] ?? '';
    return new Error(
      /position \d+/.exec(message)?.[0] ?? (error instanceof TypeError ? 'not UTF-8' : 'it ends too early'),
    );
  }
}

function nameOf(value: JsonValue): string {
  return Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value;
}

function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
