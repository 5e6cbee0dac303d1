import { expect, test } from 'vitest';
import { events, failure, hangUp, reply, type Step, scriptedServer } from './api-server.testkit.ts';
import { type ReflectorOptions, startReflector } from './reflector.ts';

const POD = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
const pod = (name: string, resourceVersion: string) => ({
  metadata: { name, namespace: 'n', resourceVersion, managedFields: [{}] },
});
const listOf = (version: string, ...items: unknown[]): Step => reply({ metadata: { resourceVersion: version }, items });

async function follow(steps: readonly Step[], options: Partial<ReflectorOptions> = {}) {
  const server = await scriptedServer(steps);
  const log: string[] = [];
  const pauses: number[] = [];
  const reflector = startReflector({
    client: server.client,
    resource: POD,
    sink: {
      apply: ({ kind, metadata }) =>
        log.push(`+${kind}/${metadata?.name}@${metadata?.resourceVersion}${'managedFields' in metadata! ? '!' : ''}`),
      remove: ({ kind, namespace, name }) => log.push(`-${kind}/${namespace}/${name}`),
    },
    sleep: async (ms, signal) => {
      pauses.push(ms);
      if (pauses.length > 50) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
    random: () => 0,
    ...options,
  });
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  return {
    server,
    log,
    pauses,
    reflector,
    until,
    async [Symbol.asyncDispose]() {
      reflector[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const quiet = events([]);

test('lists in pages, then watches from where the list ended', async () => {
  await using run = await follow([
    reply({ metadata: { resourceVersion: '5', continue: 'next' }, items: [pod('a', '1')] }),
    reply({ metadata: { resourceVersion: '5' }, items: [pod('b', '2')] }),
    events([
      { type: 'MODIFIED', object: { kind: 'Pod', ...pod('a', '6') } },
      { type: 'DELETED', object: { kind: 'Pod', ...pod('b', '7') } },
    ]),
  ]);
  await run.until(() => run.log.length === 4);
  expect(run.log).toEqual(['+Pod/a@1', '+Pod/b@2', '+Pod/a@6', '-Pod/n/b']);
  expect(run.reflector.state).toMatchObject({ synced: true, objects: 1, error: undefined });
  expect(run.server.requests[0]).toBe('GET /api/v1/pods?limit=100');
  expect(run.server.requests[1]).toContain('continue=next');
  expect(run.server.requests[2]).toContain('resourceVersion=5');
});

test('goes on where it was when a watch ends or breaks, without listing again', async () => {
  await using run = await follow([
    listOf('5'),
    events([{ type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } }], { end: true }),
    hangUp,
    quiet,
  ]);
  await run.server.seen(4);
  expect(run.server.requests.filter((request) => request.includes('limit='))).toHaveLength(1);
  expect(run.server.requests.slice(2).every((request) => request.includes('resourceVersion=9'))).toBe(true);
});

test('lists again when its place is gone, and tells only what differs', async () => {
  const gone = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } };
  await using run = await follow([
    listOf('5', pod('a', '1'), pod('b', '2')),
    events([gone]),
    listOf('8', pod('a', '1'), pod('c', '3')),
    quiet,
  ]);
  await run.server.seen(4);
  await run.until(() => run.log.length === 4);
  expect(run.log).toEqual(['+Pod/a@1', '+Pod/b@2', '+Pod/c@3', '-Pod/n/b']);
});

test.each([
  ['errors', failure(500, 'InternalError')],
  ['refusals', failure(403, 'Forbidden')],
  ['broken connections', hangUp],
  ['garbage', (_: unknown, response: { end: (text: string) => void }) => response.end('<html>')],
  ['half an event', (_: unknown, response: { end: (text: string) => void }) => response.end('{"type":"ADD')],
])('%s never take away what is known', async (_, broken) => {
  await using run = await follow([listOf('5', pod('a', '1')), broken as Step]);
  await run.until(() => run.pauses.length >= 3);
  expect(run.log).toEqual(['+Pod/a@1']);
  expect(run.reflector.state).toMatchObject({ synced: true, objects: 1 });
});

test('is not synced by a failure', async () => {
  const failures: string[] = [];
  await using run = await follow(
    [failure(503, 'ServiceUnavailable'), failure(503, 'ServiceUnavailable'), listOf('1'), quiet],
    {
      onFailure: (error) => failures.push(error.message),
    },
  );
  await run.until(() => failures.length === 2);
  await run.reflector.synced;
  expect(failures[0]).toBe('cluster test: GET /api/v1/pods: ServiceUnavailable it is');
  expect(run.reflector.state).toMatchObject({ synced: true, error: undefined });
  // Longer each time.
  expect(run.pauses[1]).toBeGreaterThan(run.pauses[0]!);
});

test('waits for a kind that the cluster does not have, which counts as read and empty', async () => {
  await using run = await follow([
    failure(404, 'NotFound'),
    failure(404, 'NotFound'),
    listOf('3', pod('a', '1')),
    quiet,
  ]);
  await run.reflector.synced;
  expect(run.log).toEqual([]);
  await run.until(() => run.log.length === 1);
  expect(run.reflector.state).toMatchObject({ synced: true, missing: false });
});

test('believes that a kind is gone only when told repeatedly', async () => {
  await using run = await follow([
    listOf('5', pod('a', '1')),
    failure(404, 'NotFound'),
    failure(404, 'NotFound'),
    quiet,
  ]);
  await run.server.seen(4);
  expect(run.log).toEqual(['+Pod/a@1']);
  await using other = await follow([listOf('5', pod('a', '1')), failure(404, 'NotFound')]);
  await other.until(() => other.log.length === 2);
  expect(other.log).toEqual(['+Pod/a@1', '-Pod/n/a']);
});

test('a server that ends every watch at once is not asked in a tight loop', async () => {
  await using run = await follow([listOf('5'), events([], { end: true })]);
  await run.until(() => run.pauses.length >= 5);
  expect(run.pauses[4]).toBeGreaterThan(run.pauses[0]!);
});

test('takes over from another: what is still there is told anew, what is gone is removed, and not before it is known', async () => {
  await using first = await follow([failure(401, 'Unauthorized')], { inherited: ['n/a', 'n/b'] });
  await first.until(() => first.pauses.length >= 2);
  expect(first.log).toEqual([]);
  await using second = await follow([listOf('5', pod('a', '1')), quiet], { inherited: first.reflector.keys() });
  await second.until(() => second.log.length === 2);
  expect(second.log).toEqual(['+Pod/a@1', '-Pod/n/b']);
});
