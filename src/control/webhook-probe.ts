// Whether the validation webhook answers the API server: a dry run of an object that is wrong must be refused by it.
import { ApiError } from '../k8s/api-error.ts';
import type { ApiClient } from '../k8s/rest.ts';

export interface WebhookProbeOptions {
  readonly client: ApiClient;
  readonly namespace: string;
  readonly signal: AbortSignal;
}

/** Resolves when the webhook has refused a wrong Gateway. Rejects with an Error that says what happened instead. */
export async function probeValidation({ client, namespace, signal }: WebhookProbeOptions): Promise<void> {
  const gateway = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Gateway',
    metadata: { name: 'webhook-probe', namespace },
    // The schema allows it, but a gateway without servers makes no sense: only the webhook can refuse it.
    spec: {},
  };
  const path = `/apis/networking.istio.io/v1/namespaces/${namespace}/gateways`;
  try {
    await client.request({ method: 'POST', path, query: { dryRun: 'All' }, body: gateway, signal, timeoutMs: 15_000 });
  } catch (error) {
    if (error instanceof ApiError && /denied the request/.test(error.detail)) return;
    throw new Error(
      `the validation webhook does not answer yet: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  throw new Error('the validation webhook was not asked about a wrong object');
}
