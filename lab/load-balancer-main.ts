// The LoadBalancer controller of one cluster, a process of its node: follows Services and writes their addresses.
// Started with the lab's directory and the cluster's name.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cidr, parseCidr } from './cidr.ts';
import { type ApiClient, ApiError, openClient, type WatchEvent } from './client.ts';
import { assignAddresses, type Service } from './load-balancer.ts';
import { loadState } from './state.ts';

const RETRY_MS = 1000;
const [labDir = '', clusterName = ''] = process.argv.slice(2);
const cluster = loadState(labDir)?.plan.clusters.find(({ name }) => name === clusterName);
if (!cluster) throw new Error(`no cluster ${clusterName} in ${labDir}`);

const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
using client = openClient(cluster);
while (!stop.signal.aborted) {
  try {
    await follow(client, parseCidr(cluster.loadBalancerCidr), stop.signal);
  } catch (error) {
    console.error(`${new Date().toISOString()} ${(error as Error).message}; again in ${RETRY_MS} ms`);
    await sleep(RETRY_MS);
  }
}

/** Lists, then watches until the watch ends; every change leads to one reconciliation, later ones merge into the next. */
async function follow(api: ApiClient, range: Cidr, signal: AbortSignal): Promise<void> {
  const list = await api.call<{ items: Service[]; metadata: { resourceVersion: string } }>('GET', '/api/v1/services');
  const services = new Map(list.items.map((service) => [keyOf(service), service]));
  const ended = new AbortController();
  let failure: unknown;
  let dirty = true;
  let running: Promise<void> | undefined;
  const reconcile = () => {
    dirty = true;
    running ??= (async () => {
      while (dirty && !ended.signal.aborted) {
        dirty = false;
        await write(api, range, [...services.values()]);
      }
    })()
      .catch((error: unknown) => {
        failure = error;
        ended.abort();
      })
      .finally(() => {
        running = undefined;
      });
  };
  reconcile();
  const path = `/api/v1/services?watch=1&allowWatchBookmarks=true&resourceVersion=${list.metadata.resourceVersion}`;
  const apply = (event: WatchEvent) => {
    if (event.type === 'BOOKMARK') return;
    if (event.type === 'ERROR') return ended.abort();
    const service = event.object as Service;
    if (event.type === 'DELETED') services.delete(keyOf(service));
    else services.set(keyOf(service), service);
    reconcile();
  };
  await api.watch(path, apply, AbortSignal.any([signal, ended.signal]));
  await running;
  if (failure) throw failure;
}

async function write(api: ApiClient, range: Cidr, services: readonly Service[]): Promise<void> {
  const { changes, waiting } = assignAddresses(services, range);
  for (const service of waiting) console.error(`no LoadBalancer address is left for ${service}`);
  for (const { namespace, name, address } of changes) {
    const loadBalancer = { ingress: address ? [{ ip: address, ipMode: 'VIP' }] : null };
    try {
      await api.call('PATCH', `/api/v1/namespaces/${namespace}/services/${name}/status`, {
        contentType: 'application/merge-patch+json',
        body: { status: { loadBalancer } },
      });
    } catch (error) {
      // A Service that is gone needs no address; its deletion is on its way here.
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
    console.error(`${new Date().toISOString()} ${namespace}/${name}: ${address ?? 'none'}`);
  }
}

function keyOf({ metadata }: Service): string {
  return `${metadata.namespace}/${metadata.name}`;
}
