// Why is this Deployment not ready? Conditions, container states, events and the last lines of what its pods logged.
import { isNotFound } from '../../k8s/api-error.ts';
import { nameOf, read } from '../../k8s/apply.ts';
import type { ApiClient } from '../../k8s/rest.ts';
import { isObject, type JsonObject, listAt, type Manifest, numberAt, objectAt, textAt } from '../json.ts';

export interface DiagnoseOptions {
  readonly api: ApiClient;
  readonly object: Manifest;
  readonly signal?: AbortSignal;
}

const LOG_LINES = 5;
const MAX_PODS = 3;

/** One line for each finding, most specific last. Never rejects: what cannot be asked is left out. */
export async function diagnose({ api, object, signal }: DiagnoseOptions): Promise<string[]> {
  const ask = async <T>(question: Promise<T>, otherwise: T): Promise<T> => question.catch(() => otherwise);
  const now = await ask(read<Manifest>(api, object, signal), undefined);
  if (!now) return [`${nameOf(object)}: it is not there`];
  const lines = [`${nameOf(object)}: ${conditions(now)}`];
  if (object.kind !== 'Deployment') return lines;
  const namespace = object.metadata.namespace ?? 'default';
  const labelSelector = Object.entries(objectAt(now, 'spec.selector.matchLabels'))
    .map(([k, v]) => `${k}=${v}`)
    .join(',');
  const list = { items: [] as Manifest[] };
  const pods = await ask(
    api.request<typeof list>({ path: `/api/v1/namespaces/${namespace}/pods`, query: { labelSelector }, signal }),
    list,
  );
  const own = pods.items
    .filter((pod) => textAt(pod, 'status.phase') !== 'Succeeded' && !isReady(pod))
    .slice(0, MAX_PODS);
  if (pods.items.length === 0)
    lines.push(...(await ask(events(api, { namespace, name: object.metadata.name, signal }), [])));
  for (const pod of own) {
    const name = pod.metadata.name;
    lines.push(`pod ${name}: ${textAt(pod, 'status.phase', 'Unknown')}${reason(objectAt(pod, 'status'))}`);
    for (const container of containers(pod)) {
      lines.push(`  container ${container.name}: ${container.state}`);
      if (container.started) lines.push(...(await ask(logs(api, { namespace, pod: name, container, signal }), [])));
    }
    lines.push(...(await ask(events(api, { namespace, name, signal }), [])));
  }
  return lines;
}

function conditions(object: Manifest): string {
  const bad = listAt(object, 'status.conditions').filter(
    (c) => isObject(c) && (c.type === 'ReplicaFailure' ? c.status === 'True' : c.status !== 'True'),
  );
  return (
    bad
      .map((c) => textAt(c, 'message') || textAt(c, 'reason'))
      .filter(Boolean)
      .join('; ') || 'it is not ready yet'
  );
}

function isReady(pod: Manifest): boolean {
  return listAt(pod, 'status.conditions').some((c) => isObject(c) && c.type === 'Ready' && c.status === 'True');
}

interface ContainerState {
  readonly name: string;
  readonly state: string;
  readonly started: boolean;
  readonly previous: boolean;
}

/** Containers that are not running and ready. */
function containers(pod: Manifest): ContainerState[] {
  const all = [...listAt(pod, 'status.initContainerStatuses'), ...listAt(pod, 'status.containerStatuses')];
  return all.flatMap((status) => {
    if (!isObject(status) || status.ready === true || textAt(status, 'state.terminated.reason') === 'Completed')
      return [];
    const restarts = numberAt(status, 'restartCount') ?? 0;
    const waiting = objectAt(status, 'state.waiting');
    const ended = objectAt(status, 'state.terminated').reason
      ? objectAt(status, 'state.terminated')
      : objectAt(status, 'lastState.terminated');
    const parts = [
      'reason' in waiting ? `waiting${reason(waiting)}` : 'running, but its readiness probe fails',
      'exitCode' in ended ? `last ended with exit code ${ended.exitCode}${reason(ended)}` : '',
      restarts > 0 ? `${restarts} restarts` : '',
    ];
    return [
      {
        name: textAt(status, 'name'),
        state: parts.filter(Boolean).join(', '),
        started: restarts > 0 || !('reason' in waiting),
        previous: 'reason' in waiting && restarts > 0,
      },
    ];
  });
}

function reason(state: JsonObject): string {
  const said = [textAt(state, 'reason'), textAt(state, 'message')].filter(Boolean).join(': ');
  return said ? ` (${said.trim()})` : '';
}

interface LogOptions {
  readonly namespace: string;
  readonly pod: string;
  readonly container: ContainerState;
  readonly signal?: AbortSignal;
}

async function logs(api: ApiClient, { namespace, pod, container, signal }: LogOptions): Promise<string[]> {
  const get = (previous: boolean) =>
    api.request<string>({
      path: `/api/v1/namespaces/${namespace}/pods/${pod}/log`,
      query: { container: container.name, tailLines: LOG_LINES, previous: previous || undefined },
      accept: '*/*',
      timeoutMs: 5000,
      signal,
    });
  const text = await get(container.previous).catch((error: unknown) => {
    if (container.previous || isNotFound(error)) return get(false);
    throw error;
  });
  return String(text)
    .trimEnd()
    .split('\n')
    .filter(Boolean)
    .map((line) => `    | ${line.slice(0, 300)}`);
}

interface EventsOptions {
  readonly namespace: string;
  readonly name: string;
  readonly signal?: AbortSignal;
}

/** The latest distinct warnings about an object. */
async function events(api: ApiClient, { namespace, name, signal }: EventsOptions): Promise<string[]> {
  const found = await api.request<{ items: Manifest[] }>({
    path: `/api/v1/namespaces/${namespace}/events`,
    query: { fieldSelector: `involvedObject.name=${name},type=Warning`, limit: 100 },
    signal,
  });
  const said = found.items.map((event) => `  event ${textAt(event, 'reason')}: ${textAt(event, 'message').trim()}`);
  return [...new Set(said)].slice(-3);
}
