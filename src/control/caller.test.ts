import { expect, test } from 'vitest';
import { reply, scriptedServer } from '../k8s/api-server.testkit.ts';
import { type CallersOptions, createCallers } from './caller.ts';

const callers = (more: Partial<CallersOptions> = {}) =>
  createCallers({
    client: () => undefined,
    configCluster: 'c1',
    trustDomain: () => 'td',
    trustDomainAliases: () => ['old'],
    ...more,
  });

test.each([
  ['spiffe of the mesh', 'URI:spiffe://td/ns/n/sa/s', 'spiffe://td/ns/n/sa/s'],
  ['spiffe of an alias', 'URI:spiffe://old/ns/n/sa/s', 'spiffe://old/ns/n/sa/s'],
  ['a DNS name beside it', 'DNS:x, URI:spiffe://td/ns/n/sa/s', 'spiffe://td/ns/n/sa/s'],
])('a certificate with %s is taken', async (_, certificateNames, uri) => {
  expect(await callers().identify({ certificateNames })).toMatchObject({
    uri,
    by: 'certificate',
    identity: { namespace: 'n', serviceAccount: 's' },
  });
});

test.each([
  ['of a foreign mesh', 'URI:spiffe://evil/ns/n/sa/s', 'denied'],
  ['of two workloads', 'URI:spiffe://td/ns/n/sa/s, URI:spiffe://td/ns/n/sa/admin', 'unauthenticated'],
  ['of no workload', 'DNS:example.org', 'unauthenticated'],
  ['that hides a name in another', 'DNS:"x, URI:spiffe://td/ns/n/sa/s"', 'unauthenticated'],
])('a certificate %s is refused', async (_, certificateNames, code) => {
  await expect(callers().identify({ certificateNames })).rejects.toMatchObject({ code });
});

test("a token is reviewed by the caller's own cluster, with our audience", async () => {
  const status = { authenticated: true, audiences: ['istio-ca'], user: { username: 'system:serviceaccount:n:s' } };
  await using server = await scriptedServer([reply({ status })]);
  const asked: string[] = [];
  const open = callers({
    client: (cluster) => {
      asked.push(cluster);
      return server.client;
    },
  });
  expect(await open.identify({ authorization: 'Bearer t', cluster: 'c2' })).toMatchObject({
    uri: 'spiffe://td/ns/n/sa/s',
    by: 'token',
  });
  await open.identify({ authorization: 'bearer t' });
  expect(asked).toEqual(['c2', 'c1']);
});

test.each([
  ['not authenticated', { authenticated: false, error: 'expired' }, /c2" does not accept the token: expired/],
  [
    'for another audience',
    { authenticated: true, audiences: ['api'], user: { username: 'system:serviceaccount:n:s' } },
    /audience/,
  ],
  [
    'of an API server that knows no audiences',
    { authenticated: true, user: { username: 'system:serviceaccount:n:s' } },
    /audience/,
  ],
  ['of a user', { authenticated: true, audiences: ['istio-ca'], user: { username: 'admin' } }, /service account/],
  [
    'of something odd',
    { authenticated: true, audiences: ['istio-ca'], user: { username: 'system:serviceaccount:n:s:x' } },
    /service account/,
  ],
])('a token that is %s is refused', async (_, status, message) => {
  await using server = await scriptedServer([reply({ status })]);
  const open = callers({ client: () => server.client });
  const refused = open.identify({ authorization: 'Bearer t', cluster: 'c2' });
  await expect(refused).rejects.toMatchObject({ code: 'unauthenticated', message: expect.stringMatching(message) });
});

test('an API server that cannot answer is not a no', async () => {
  await using server = await scriptedServer([reply({}, 503)]);
  const open = callers({ client: () => server.client });
  await expect(open.identify({ authorization: 'Bearer t', cluster: 'c2' })).rejects.toMatchObject({
    code: 'unavailable',
    reason: 'token-review',
  });
});

test('an unknown cluster and no credentials at all', async () => {
  await expect(callers().identify({ authorization: 'Bearer t', cluster: 'c9' })).rejects.toMatchObject({
    reason: 'unknown-cluster',
    message: expect.stringContaining('--name=c9'),
  });
  await expect(callers().identify({})).rejects.toMatchObject({ reason: 'no-credentials' });
  await expect(callers().identify({ authorization: 'Basic x' })).rejects.toMatchObject({ reason: 'no-credentials' });
});
