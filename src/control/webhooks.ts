// The webhooks that API servers call: injection and validation, over HTTPS with a certificate of the mesh CA.
import type { WebhookAnswer } from '../inject/admission.ts';
import type { InjectionContext } from '../inject/review.ts';
import { answerInjection } from '../inject/review.ts';
import { answerValidation } from '../inject/validate-review.ts';
import { BodyTooLarge, type HttpAnswer, type HttpHandler, type HttpRequest } from './http-server.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

export interface WebhooksOptions {
  /** Undefined while injection is not configured. */
  readonly injection: () => InjectionContext | undefined;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** Routes `/inject…`, `/validate…` and `/ready`. */
export function createWebhooks(options: WebhooksOptions): HttpHandler {
  return async (request) => {
    const { path } = request;
    if (path === '/ready' || path === '/httpsReady') return { body: 'ready\n' };
    const injecting = path === '/inject' || path.startsWith('/inject/') || path.startsWith('/inject:');
    const validating = path === '/validate' || path.startsWith('/validate/');
    if (!injecting && !validating) return { status: 404, body: 'webhooks are /inject and /validate\n' };
    if (request.method !== 'POST') return { status: 405, body: 'send an AdmissionReview by POST\n' };
    try {
      return await (injecting ? inject(request, options) : validate(request, options));
    } catch (error) {
      if (!(error instanceof BodyTooLarge)) throw error;
      if (injecting) options.metrics.injectFailure.inc();
      else options.metrics.validationHttpErrors.inc({ status: '413' });
      throw error;
    }
  };
}

async function inject(request: HttpRequest, { injection, metrics, log }: WebhooksOptions): Promise<HttpAnswer> {
  metrics.injectTotal.inc();
  const done = metrics.injectTime.startTimer();
  const context = injection();
  if (!context) {
    metrics.injectFailure.inc();
    const body = 'injection is not configured: the ConfigMap istio-sidecar-injector is missing; run istioctl install\n';
    return { status: 503, body };
  }
  const body = await request.body();
  const answer = answerInjection({ body, ...type(request), path: request.path, query: request.query }, context);
  done();
  if (answer.outcome === 'patched') metrics.injectSuccess.inc();
  else if (answer.outcome === 'allowed') metrics.injectSkip.inc();
  else metrics.injectFailure.inc();
  report(answer, log);
  return answer;
}

async function validate(request: HttpRequest, { metrics, log }: WebhooksOptions): Promise<HttpAnswer> {
  const body = await request.body();
  const answer = answerValidation({ body, ...type(request) });
  const labels = resourceOf(body);
  if (answer.outcome === 'error') metrics.validationHttpErrors.inc({ status: String(answer.status) });
  else if (answer.outcome === 'denied') metrics.validationFailed.inc({ ...labels, reason: 'invalid_resource' });
  else metrics.validationPassed.inc(labels);
  report(answer, log);
  return answer;
}

function type(request: HttpRequest): { contentType?: string } {
  const contentType = request.headers['content-type'];
  return contentType === undefined ? {} : { contentType };
}

function report(answer: WebhookAnswer, log: Log): void {
  if (answer.outcome === 'error' || answer.outcome === 'denied') log.warn(answer.message);
  else log.info(answer.message);
}

/** Group, version and resource for metrics; empty when the body does not say. */
function resourceOf(body: Buffer): { group: string; version: string; resource: string } {
  try {
    const review = JSON.parse(body.toString('utf8')) as {
      request?: { resource?: { group?: string; version?: string; resource?: string } };
    };
    const { group = '', version = '', resource = '' } = review.request?.resource ?? {};
    return { group, version, resource };
  } catch {
    return { group: '', version: '', resource: '' };
  }
}
