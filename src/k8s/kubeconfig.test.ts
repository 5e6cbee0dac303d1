import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadKubeconfig, parseKubeconfig } from './kubeconfig.ts';

const directory = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
afterAll(() => rmSync(directory, { recursive: true }));

const PEM = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n';

function config(cluster: string, user: string): string {
  return `current-context: a
contexts: [{name: a, context: {cluster: c, user: u, namespace: team}}, {name: b, context: {cluster: missing, user: u}}]
clusters: [{name: c, cluster: {server: "https://h:6443/", ${cluster}}}]
users: [{name: u, user: {${user}}}]
`;
}

test('reads what is inline', async () => {
  const data = Buffer.from(PEM).toString('base64');
  const { access, problems } = parseKubeconfig(
    config(`certificate-authority-data: ${data}, tls-server-name: api`, 'username: me, password: "a:b"'),
  );
  expect(problems).toEqual([]);
  expect(access).toMatchObject({
    server: 'https://h:6443',
    namespace: 'team',
    tls: { ca: PEM, serverName: 'api', insecure: false },
  });
  expect(await access!.credential()).toEqual({ authorization: `Basic ${Buffer.from('me:a:b').toString('base64')}` });
});

test('reads files and follows a token that rotates, when that is allowed', async () => {
  writeFileSync(join(directory, 'ca.pem'), PEM);
  writeFileSync(join(directory, 'token'), 'one\n');
  writeFileSync(join(directory, 'config'), config('certificate-authority: ca.pem', 'tokenFile: token'));
  const { access, problems } = await loadKubeconfig(join(directory, 'config'));
  expect(problems).toEqual([]);
  expect(access!.tls.ca).toBe(PEM);
  expect(await access!.credential()).toEqual({ authorization: 'Bearer one' });
  writeFileSync(join(directory, 'token'), 'two\n');
  expect(await access!.credential()).toEqual({ authorization: 'Bearer two' });
});

test('runs a plugin once for many askers, keeps its answer until it ends, and shows what it says when it fails', async () => {
  const plugin = join(directory, 'plugin.sh');
  const answer = { kind: 'ExecCredential', status: { token: 'fresh', expirationTimestamp: '2999-01-01T00:00:00Z' } };
  writeFileSync(plugin, `#!/bin/sh\necho x >> ${directory}/runs\necho '${JSON.stringify(answer)}'\n`, { mode: 0o755 });
  const exec = (command: string) =>
    parseKubeconfig(config('', `exec: {command: "${command}"}`), { allowExec: true }).access!;
  const access = exec(plugin);
  const got = await Promise.all([access.credential(), access.credential()]);
  expect([...got, await access.credential()]).toEqual(Array(3).fill({ authorization: 'Bearer fresh' }));
  expect((await import('node:fs')).readFileSync(join(directory, 'runs'), 'utf8')).toBe('x\n');
  const broken = join(directory, 'broken.sh');
  writeFileSync(broken, '#!/bin/sh\necho "log in first" >&2\nexit 3\n', { mode: 0o755 });
  await expect(exec(broken).credential()).rejects.toThrow(/broken.sh" failed: log in first/);
});

test('collects all problems with their places', () => {
  const { access, problems } = parseKubeconfig(
    config('certificate-authority-data: "!!"', 'client-key: /k, exec: {command: x}'),
  );
  expect(access).toBeUndefined();
  expect(problems.map(({ code, path }) => `${code} ${path}`)).toEqual([
    'kubeconfig-data clusters[0].cluster.certificate-authority-data',
    'kubeconfig-file users[0].user.client-key',
    'kubeconfig-exec users[0].user.exec',
  ]);
});

test.each([
  ['', 'kubeconfig-syntax'],
  ['a: [', 'kubeconfig-syntax'],
  ['- 1', 'kubeconfig-syntax'],
  ['contexts: []', 'kubeconfig-context'],
  ['current-context: x', 'kubeconfig-context'],
])('says what is missing in %j', (text, code) => {
  expect(parseKubeconfig(text).problems.map((problem) => problem.code)).toContain(code);
});

test('names the contexts there are when one is not found', () => {
  expect(parseKubeconfig(config('', ''), { context: 'z' }).problems[0]!.message).toContain('a, b');
  expect(parseKubeconfig(config('', ''), { context: 'b' }).problems[0]!.message).toContain('"missing"');
});
