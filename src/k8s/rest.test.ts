import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type ApiError, isConflict, isGone, isNotFound } from './api-error.ts';
import { failure, hangUp, reply, type Step, scriptedServer } from './api-server.testkit.ts';

const caught = (promise: Promise<unknown>): Promise<ApiError> =>
  promise.then(
    () => Promise.reject(new Error('it succeeded')),
    (error: unknown) => error as ApiError,
  );

test('sends what was asked, with credentials, and reads zipped answers', async () => {
  const heard: { headers: Record<string, unknown>; body: string }[] = [];
  const zipped: Step = async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    heard.push({ headers: request.headers, body });
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
      .end(gzipSync('{"ok":true}'));
  };
  await using server = await scriptedServer([zipped]);
  const answer = await server.client.request({
    method: 'PATCH',
    path: '/x',
    query: { a: 1, b: undefined, c: '' },
    body: { d: 'é' },
    contentType: 'application/merge-patch+json',
  });
  expect(answer).toEqual({ ok: true });
  expect(server.requests).toEqual(['PATCH /x?a=1']);
  expect(heard[0]).toMatchObject({
    body: '{"d":"é"}',
    headers: { authorization: 'Bearer t', 'content-type': 'application/merge-patch+json', 'user-agent': 'isthmus' },
  });
});

test('errors say which cluster and request, why, and when to come back', async () => {
  const busy: Step = (_, response) => response.writeHead(429, { 'retry-after': '7' }).end('slow down');
  await using server = await scriptedServer([
    failure(409, 'AlreadyExists'),
    failure(404, 'NotFound'),
    failure(410, 'Expired'),
    busy,
    hangUp,
  ]);
  const ask = () => caught(server.client.request({ path: '/y' }));
  const conflict = await ask();
  expect(isConflict(conflict)).toBe(true);
  expect(conflict).toMatchObject({
    status: 409,
    reason: 'AlreadyExists',
    message: 'cluster test: GET /y: AlreadyExists it is',
  });
  expect(isNotFound(await ask())).toBe(true);
  expect(isGone(await ask())).toBe(true);
  expect(await ask()).toMatchObject({ status: 429, retryAfterSeconds: 7, detail: 'slow down' });
  expect(await ask()).toMatchObject({ status: 0, message: expect.stringContaining(server.url) });
});

test('gives up in time, also on a stream that never begins', async () => {
  const silent: Step = () => {};
  await using server = await scriptedServer([silent]);
  expect(await caught(server.client.request({ path: '/z', timeoutMs: 30 }))).toMatchObject({ reason: 'TimeoutError' });
  expect(await caught(server.client.stream({ path: '/z', timeoutMs: 30 }))).toMatchObject({
    message: expect.stringContaining('no answer within 30 ms'),
  });
});

test('something that is not JSON is an error, text is text', async () => {
  const html: Step = (_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('<html>');
  const text: Step = (_, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
  await using server = await scriptedServer([html, text, reply({ items: [] })]);
  expect(await caught(server.client.request({ path: '/a' }))).toMatchObject({ reason: 'BadAnswer' });
  expect(await server.client.request({ path: '/a' })).toBe('ok');
  expect(await server.client.request({ path: '/a' })).toEqual({ items: [] });
});
