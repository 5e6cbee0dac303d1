// Keeps the webhook configurations of this revision right in every cluster: `caBundle`, since API servers trust nothing
// else, and `failurePolicy` of the validation webhook once it answers.
import { isNotFound } from '../k8s/api-error.ts';
import { type ResourceKind, resourcePath } from '../k8s/object.ts';
import { MUTATING_WEBHOOK, VALIDATING_WEBHOOK } from '../k8s/resources.ts';
import type { ApiClient } from '../k8s/rest.ts';
import type { KubernetesObject, ObjectName } from '../kinds/object.ts';
import type { Clock } from '../lib/clock.ts';
import type { WatchedKind } from './cluster-watch.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { probeValidation } from './webhook-probe.ts';
import { createWorkQueue, type WorkQueue } from './work-queue.ts';

export interface CaBundlesOptions {
  /** The cluster whose validation webhook guards the mesh's configuration. */
  readonly configCluster: string;
  readonly namespace: string;
  readonly root: () => string;
  readonly client: (cluster: string) => ApiClient | undefined;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
}

export interface CaBundles extends Disposable {
  apply(cluster: string, object: KubernetesObject): void;
  remove(cluster: string, name: ObjectName): void;
  removeCluster(cluster: string): void;
  /** The root has changed. */
  refresh(): void;
  /** Writes only while this process leads. */
  lead(signal: AbortSignal): void;
}

/** What must be watched for it. */
export function caBundleWatches(revision: string): readonly WatchedKind[] {
  return [MUTATING_WEBHOOK, VALIDATING_WEBHOOK].map((resource) => ({
    resource,
    labelSelector: `istio.io/rev=${revision}`,
    optional: true,
  }));
}

/** Webhooks served by this program, whatever the prefix (`namespace.`, `object.`, `rev.…`). */
const OURS = /(^|\.)(sidecar-injector|validation)\.istio\.io$/;

interface Webhook {
  readonly name?: string;
  readonly failurePolicy?: string;
  readonly clientConfig?: { readonly caBundle?: string };
}

interface Item {
  readonly cluster: string;
  readonly resource: ResourceKind;
  readonly name: string;
  readonly webhooks: readonly Webhook[];
}

interface Write {
  readonly patches: readonly object[];
  readonly what: string;
  readonly signal: AbortSignal;
}

export function createCaBundles(options: CaBundlesOptions): CaBundles {
  const { metrics, log } = options;
  const items = new Map<string, Item>();
  const queues = new Map<string, WorkQueue>();
  let leading = false;

  const wrong = (item: Item): readonly Webhook[] => {
    const bundle = encode(options.root());
    return item.webhooks.filter((hook) => OURS.test(hook.name ?? '') && hook.clientConfig?.caBundle !== bundle);
  };
  /** Installed as Ignore, so that nothing is blocked before the webhook answers; from then on it must be asked. */
  const lenient = (item: Item): readonly Webhook[] =>
    item.cluster === options.configCluster && item.resource === VALIDATING_WEBHOOK
      ? item.webhooks.filter((hook) => OURS.test(hook.name ?? '') && hook.failurePolicy === 'Ignore')
      : [];
  const check = (key: string): void => {
    const item = items.get(key);
    if (!leading || !item || (wrong(item).length === 0 && lenient(item).length === 0)) return;
    let queue = queues.get(item.cluster);
    if (!queue) {
      queue = createWorkQueue({
        clock: options.clock,
        work: patch,
        onError: (error, failed) => {
          const name = items.get(failed)?.name ?? '';
          metrics.webhookPatchFailures.inc({ name, reason: 'api' });
          log.warn(`cannot complete ${failed}`, { cluster: item.cluster, error });
        },
      });
      queues.set(item.cluster, queue);
    }
    queue.add(key);
  };

  async function patch(key: string, signal: AbortSignal): Promise<void> {
    const item = items.get(key);
    const client = item && options.client(item.cluster);
    if (!client || !leading) return;
    const patches = wrong(item).map(({ name }) => ({ name, clientConfig: { caBundle: encode(options.root()) } }));
    if (patches.length) return write(client, item, { patches, what: 'caBundle', signal });
    const strict = lenient(item).map(({ name }) => ({ name, failurePolicy: 'Fail' }));
    if (!strict.length) return;
    await probeValidation({ client, namespace: options.namespace, signal });
    await write(client, item, { patches: strict, what: 'failurePolicy', signal });
  }

  async function write(client: ApiClient, item: Item, { patches, what, signal }: Write): Promise<void> {
    metrics.webhookPatches.inc({ name: item.name });
    const path = resourcePath(item.resource, '', item.name);
    const contentType = 'application/strategic-merge-patch+json';
    try {
      await client.request({ method: 'PATCH', path, body: { webhooks: patches }, contentType, signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    log.info(`wrote the ${what} of ${item.resource.kind} ${item.name}`, { cluster: item.cluster });
  }

  return {
    apply(cluster, object) {
      const resource = resourceOf(object.kind);
      const name = object.metadata?.name;
      if (!resource || !name) return;
      const key = `${cluster}/${resource.kind}/${name}`;
      items.set(key, { cluster, resource, name, webhooks: (object as { webhooks?: Webhook[] }).webhooks ?? [] });
      check(key);
    },
    remove(cluster, { kind, name }) {
      items.delete(`${cluster}/${kind}/${name}`);
    },
    removeCluster(cluster) {
      queues.get(cluster)?.[Symbol.dispose]();
      queues.delete(cluster);
      for (const [key, item] of items) if (item.cluster === cluster) items.delete(key);
    },
    refresh() {
      for (const key of items.keys()) check(key);
    },
    lead(signal) {
      leading = true;
      signal.addEventListener('abort', () => {
        leading = false;
      });
      for (const key of items.keys()) check(key);
    },
    [Symbol.dispose]() {
      leading = false;
      for (const queue of queues.values()) queue[Symbol.dispose]();
      queues.clear();
    },
  };
}

function resourceOf(kind = ''): ResourceKind | undefined {
  return [MUTATING_WEBHOOK, VALIDATING_WEBHOOK].find((resource) => resource.kind === kind);
}

function encode(pem: string): string {
  return Buffer.from(pem).toString('base64');
}
