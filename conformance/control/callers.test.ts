// Callers that are not who they say, send garbage, or never read: each gets a clear answer and disturbs nobody else.
import { createPrivateKey } from 'node:crypto';
import { request as httpsRequest } from 'node:https';
import { status } from '@grpc/grpc-js';
import { decodeJwt, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { labUnavailableReason } from '../../lab/available.ts';
import { loadAuthorityFiles } from '../../src/control/authority-store.ts';
import { TYPE_URL } from '../../src/envoy/resource.ts';
import { standForElection } from '../../src/k8s/leader.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { enroll, type KeyPair, makeCsr, openProxy, sign } from './client.ts';
import { eventually, labFile, namespaceObject, type Running, startPlane, startWorld, type World } from './world.ts';

const reason = labUnavailableReason();
const CLUSTER = 'cluster1';
const uri = 'spiffe://cluster.local/ns/default/sa/default';

const node = (namespace = 'default', more: Record<string, string> = {}) => ({
  id: `sidecar~10.0.0.9~client.${namespace}~${namespace}.svc.cluster.local`,
  metadata: { CLUSTER_ID: CLUSTER, NAMESPACE: namespace, ...more },
});

describe.skipIf(reason)(`callers${reason ? ` (${reason})` : ''}`, () => {
  let world: World;
  let control: Running;
  let root: string;
  let token: string;
  let certificate: KeyPair;

  const target = () => ({ port: control.plane.ports.secureGrpc, root });
  const ask = (fields: { csr: string; token?: string; cluster?: string }) =>
    sign({ ...target(), ...fields }).then(
      (chain) => ({ code: 0, details: '', chain }),
      (error: { code: number; details: string }) => ({ code: error.code, details: error.details, chain: [] }),
    );
  /** Someone honest is still served. */
  const stillServes = async (): Promise<void> => {
    const { pem } = await makeCsr(uri);
    expect(await ask({ csr: pem, token, cluster: CLUSTER })).toMatchObject({ code: 0 });
  };
  const post = (
    path: string,
    body: string | Buffer,
    contentType = 'application/json',
  ): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const call = httpsRequest(
        {
          host: '127.0.0.1',
          port: control.plane.ports.https,
          path,
          method: 'POST',
          ca: root,
          servername: 'istiod.istio-system.svc',
          headers: { 'content-type': contentType },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('end', () => resolve({ status: response.statusCode!, text }));
        },
      );
      call.on('error', reject);
      call.end(body);
    });

  beforeAll(async () => {
    world = await startWorld('t-callers', 1);
    const values = JSON.stringify({ global: { proxy: {} } });
    await world.create(CLUSTER, '/api/v1/namespaces/istio-system/configmaps', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio-sidecar-injector' },
      data: { config: 'policy: enabled', values },
    });
    await world.create(CLUSTER, '/api/v1/namespaces', namespaceObject('other'));
    await eventually('accounts', () => world.token(CLUSTER, 'other/default').catch(() => ''), Boolean);
    control = await startPlane(world);
    const path = '/api/v1/namespaces/istio-system/secrets/istio-ca-secret';
    const secret = await world.api(CLUSTER).request<{ data: Record<string, string> }>({ path });
    root = Buffer.from(secret.data['root-cert.pem']!, 'base64').toString();
    token = await world.token(CLUSTER, 'default/default');
    certificate = await enroll({ ...target(), token, cluster: CLUSTER, uri });
  });
  afterAll(async () => {
    await control?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  test("a CSR for somebody else's identity is refused, and both are named", async () => {
    const { pem } = await makeCsr('spiffe://cluster.local/ns/other/sa/admin');
    const answer = await ask({ csr: pem, token, cluster: CLUSTER });
    expect(answer).toMatchObject({
      code: status.PERMISSION_DENIED,
      details: expect.stringMatching(/ns\/other\/sa\/admin.*ns\/default\/sa\/default/),
    });
    expect(await control.metric('citadel_server_id_extraction_err_count')).toBe(1);
    await stillServes();
  });

  test('a certificate of the mesh is enough for its renewal, but only of its own identity', async () => {
    const own = await makeCsr(uri);
    expect(await sign({ ...target(), csr: own.pem, certificate })).toHaveLength(2);
    const foreign = await makeCsr('spiffe://cluster.local/ns/other/sa/default');
    await expect(sign({ ...target(), csr: foreign.pem, certificate })).rejects.toMatchObject({
      code: status.PERMISSION_DENIED,
    });
  });

  test('a token that is expired, for another audience, of another cluster, or none at all is refused', async () => {
    const { pem } = await makeCsr(uri);
    // Signed by the cluster itself, so that nothing but its end is wrong.
    const key = createPrivateKey(labFile(world.plan.clusters[0]!, 'pki', 'sa.key'));
    const claims = decodeJwt(token);
    const past = Math.floor(Date.now() / 1000) - 3600;
    const expired = await new SignJWT({ ...claims, iat: past - 600, nbf: past - 600, exp: past })
      .setProtectedHeader({
        alg: 'RS256',
        kid: JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()).kid,
      })
      .sign(key);
    const fresh = await new SignJWT(claims)
      .setProtectedHeader({
        alg: 'RS256',
        kid: JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()).kid,
      })
      .sign(key);
    expect(await ask({ csr: pem, token: fresh, cluster: CLUSTER })).toMatchObject({ code: 0 });
    const before = await control.metric('citadel_server_authentication_failure_count');
    const api = await world.token(CLUSTER, 'default/default', 'https://kubernetes.default.svc');
    expect(await ask({ csr: pem, token: expired, cluster: CLUSTER })).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/expired/),
    });
    expect(await ask({ csr: pem, token: api, cluster: CLUSTER })).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/audience/),
    });
    expect(await ask({ csr: pem, token: 'abc', cluster: CLUSTER })).toMatchObject({ code: status.UNAUTHENTICATED });
    expect(await ask({ csr: pem, cluster: CLUSTER })).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/neither a mesh certificate nor a bearer token/),
    });
    expect(await control.metric('citadel_server_authentication_failure_count')).toBe(before + 4);
    await stillServes();
  });

  test('a garbage CSR is refused', async () => {
    expect(await ask({ csr: 'garbage', token, cluster: CLUSTER })).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringMatching(/not a PEM-encoded PKCS#10/),
    });
    expect(await control.metric('citadel_server_csr_parsing_err_count')).toBe(1);
    await stillServes();
  });

  test('a message of 10 MB is refused before it is read', async () => {
    const answer = await ask({ csr: 'A'.repeat(10 * 1024 * 1024), token, cluster: CLUSTER });
    expect(answer).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    using proxy = openProxy({ ...target(), certificate, node: node() });
    proxy.subscribe('x'.repeat(10 * 1024 * 1024));
    expect(await proxy.ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    const refused = (method: string) =>
      control.metric('grpc_server_handled_total', { grpc_method: method, grpc_code: 'ResourceExhausted' });
    expect([await refused('CreateCertificate'), await refused('DeltaAggregatedResources')]).toEqual([1, 1]);
    await stillServes();
  });

  test('a proxy gets nothing for a node that its certificate does not cover', async () => {
    using foreign = openProxy({ ...target(), certificate, node: node('other') });
    foreign.subscribe(TYPE_URL.cluster);
    expect(await foreign.ended).toMatchObject({
      code: status.PERMISSION_DENIED,
      details: expect.stringMatching(/namespace "other".*ns\/default\/sa\/default/),
    });
    using pretender = openProxy({ ...target(), certificate, node: node('default', { SERVICE_ACCOUNT: 'admin' }) });
    pretender.subscribe(TYPE_URL.cluster);
    expect(await pretender.ended).toMatchObject({
      code: status.PERMISSION_DENIED,
      details: expect.stringMatching(/"admin"/),
    });
    // Names that istioctl uses open no door.
    using debug = openProxy({
      ...target(),
      certificate,
      node: { ...node('other'), id: 'sidecar~10.0.0.9~debug.other~other.svc.cluster.local' },
    });
    debug.subscribe(TYPE_URL.cluster);
    expect(await debug.ended).toMatchObject({ code: status.PERMISSION_DENIED });
    using nobody = openProxy({ ...target(), node: node() });
    nobody.subscribe(TYPE_URL.cluster);
    expect(await nobody.ended).toMatchObject({ code: status.UNAUTHENTICATED });
    using nonsense = openProxy({ ...target(), certificate, node: { id: 'me' } });
    nonsense.subscribe(TYPE_URL.cluster);
    expect(await nonsense.ended).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringMatching(/node id "me"/),
    });
    expect(await control.metric('pilot_xds_refused_total')).toBe(5);
  });

  test('a client that never reads delays nobody', async () => {
    using deaf = openProxy({ ...target(), certificate, node: node() });
    using awake = openProxy({ ...target(), certificate, node: node() });
    awake.subscribe(TYPE_URL.cluster);
    await eventually(
      'the first clusters',
      () => awake.responses,
      (n) => n > 0,
    );
    deaf.stopReading();
    deaf.subscribe(TYPE_URL.cluster);
    for (const n of [1, 2, 3]) {
      await world.create(CLUSTER, '/api/v1/namespaces/default/services', {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: `s${n}` },
        spec: { ports: [{ name: 'http', port: 80 }] },
      });
      await eventually(
        `service ${n}`,
        () => [...(awake.resources.get(TYPE_URL.cluster)?.keys() ?? [])],
        (names) => names.includes(`outbound|80||s${n}.default.svc.cluster.local`),
      );
    }
    expect(deaf.responses).toBe(0);
  });

  test('webhook bodies that are not JSON, not reviews, or too large are refused and counted', async () => {
    expect(await post('/inject', 'not json')).toEqual({ status: 400, text: expect.stringMatching(/not JSON/) });
    expect(await post('/validate', 'not json')).toEqual({ status: 400, text: expect.stringMatching(/not JSON/) });
    expect(await post('/inject', '{}')).toEqual({ status: 400, text: expect.stringMatching(/AdmissionReview/) });
    expect(await post('/validate', '{}', 'text/plain')).toEqual({
      status: 415,
      text: expect.stringMatching(/application\/json/),
    });
    const huge = await post('/inject', Buffer.alloc(10 * 1024 * 1024, 'x')).catch((error: Error) => ({
      status: 413,
      text: error.message,
    }));
    expect(huge.status).toBe(413);
    expect(await control.metric('sidecar_injection_failure_total')).toBe(3);
    expect(await control.metric('galley_validation_http_error')).toBe(2);
    await stillServes();
  });

  test("debug pages are for this machine and for the control plane's own namespace", async () => {
    expect((await control.page('/debug/syncz')).status).toBe(200);
    await using open = await startPlane(world, '--monitoringAddr', ':0');
    const page = (path: string, bearer?: string) =>
      fetch(`http://${world.plan.gateway}:${open.plane.ports.monitoring}${path}`, {
        headers: bearer ? { authorization: `Bearer ${bearer}` } : {},
      });
    expect((await page('/ready')).status).toBe(200);
    expect((await page('/metrics')).status).toBe(200);
    expect((await page('/debug/syncz')).status).toBe(401);
    expect((await page('/debug/syncz', token)).status).toBe(403);
    expect((await page('/debug/loglevel?all=none', token)).status).toBe(403);
    const own = await world.token(CLUSTER, 'istio-system/default');
    expect((await page('/debug/syncz', own)).status).toBe(200);
  });

  test('two control planes agree on one root, and one of them leads', async () => {
    const fresh = 'race';
    await world.create(CLUSTER, '/api/v1/namespaces', namespaceObject(fresh));
    const load = () =>
      loadAuthorityFiles({
        client: world.api(CLUSTER),
        namespace: fresh,
        trustDomain: 'cluster.local',
        clock: systemClock,
      });
    const [a, b, c] = await Promise.all([load(), load(), load()]);
    expect([b, c].map((other) => other.files.root)).toEqual([a.files.root, a.files.root]);
    expect([a, b, c].filter(({ created }) => created)).toHaveLength(1);

    const leaders: string[] = [];
    const stand = (identity: string) =>
      standForElection({
        client: world.api(CLUSTER),
        namespace: fresh,
        name: 'lease',
        identity,
        durationSeconds: 6,
        lead: (signal) => {
          leaders.push(`+${identity}`);
          signal.addEventListener('abort', () => leaders.push(`-${identity}`));
        },
      });
    const first = stand('first');
    await eventually(
      'a leader',
      () => leaders.length,
      (n) => n === 1,
    );
    const second = stand('second');
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(leaders).toEqual(['+first']);
    await first[Symbol.asyncDispose]();
    await eventually(
      'its successor',
      () => leaders.join(),
      (text) => text === '+first,-first,+second',
    );
    await second[Symbol.asyncDispose]();
  });

  test("the MeshConfig is followed: a new trust domain is the next certificate's", async () => {
    await world.create(CLUSTER, '/api/v1/namespaces/istio-system/configmaps', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio' },
      data: { mesh: 'trustDomain: example.org\ntrustDomainAliases: [cluster.local]\n' },
    });
    const { pem } = await makeCsr('spiffe://example.org/ns/default/sa/default');
    await eventually(
      'the new domain',
      () => ask({ csr: pem, token, cluster: CLUSTER }),
      ({ code }) => code === 0,
    );
    // The old one is an alias now: its certificates still count.
    using proxy = openProxy({ ...target(), certificate, node: node() });
    proxy.subscribe(TYPE_URL.cluster);
    await eventually(
      'clusters',
      () => proxy.responses,
      (n) => n > 0,
    );
  });
});
