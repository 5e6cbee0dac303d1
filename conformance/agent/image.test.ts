// The proxy image as a pod would run it: its size, its user, and that everything in it starts without a writable root.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImages } from '../../images/build.ts';
import { ENVOY_VERSION } from '../../tools/envoy.ts';

const run = promisify(execFile);

/** Why this machine cannot run it. */
const reason = await (async () => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  return Promise.any([run('buildah', ['--version']), run('docker', ['version'])]).then(
    () => undefined,
    () => 'needs buildah or docker',
  );
})();

describe.skipIf(reason !== undefined)(`proxy image${reason ? ` (${reason})` : ''}`, () => {
  let image: BuiltImage;
  let dir: string;
  let config: { config: { User: string; Entrypoint: string[]; Env: string[] } };

  beforeAll(async () => {
    [image] = (await buildImages({ names: ['proxy'] })) as [BuiltImage];
    dir = await mkdtemp(join(tmpdir(), 'proxy-image-'));
    await mkdir(join(dir, 'archive'));
    await mkdir(join(dir, 'root'));
    await run('tar', ['-xf', image.tar, '-C', join(dir, 'archive')]);
    const [manifest] = JSON.parse(await readFile(join(dir, 'archive/manifest.json'), 'utf8'));
    config = JSON.parse(await readFile(join(dir, 'archive', manifest.Config), 'utf8'));
    for (const layer of manifest.Layers)
      await run('tar', ['-xf', join(dir, 'archive', layer), '-C', join(dir, 'root')]);
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  /** Runs a program of the image as the proxy's user, in a network of its own. */
  const inside = (...command: string[]) =>
    run('unshare', ['-n', 'chroot', '--userspec=1337:1337', join(dir, 'root'), ...command], {
      env: { PATH: '/usr/local/bin:/usr/bin:/usr/sbin' },
    });

  it('is at most 350 MB', () => expect(image.bytes).toBeLessThanOrEqual(350e6));

  it('runs as the user that capture lets pass', () => {
    expect(config.config.User).toBe('1337:1337');
    expect(config.config.Entrypoint).toEqual(['/usr/local/bin/pilot-agent']);
  });

  it('holds an agent, an Envoy and tools that start', async () => {
    expect((await inside('pilot-agent', 'version')).stdout).toMatch(/^\d+\.\d+/);
    expect((await inside('envoy', '--version')).stdout).toContain(`/${ENVOY_VERSION}/`);
    expect((await inside('curl', '--version')).stdout).toContain('curl');
    expect((await inside('sh', '-c', 'ip addr show lo')).stdout).toContain('lo');
    const rules = await inside('pilot-agent', 'istio-iptables', '-i', '*', '-b', '*', '-n');
    expect(rules.stdout).toContain('redirect to :15001');
  });

  it('loads the capture rules with the nft in it', async () => {
    const { stdout } = await run('unshare', [
      '-n',
      'chroot',
      join(dir, 'root'),
      '/usr/local/bin/pilot-agent',
      'istio-iptables',
      '-i',
      '*',
      '-b',
      '*',
    ]);
    expect(stdout).toContain('in force');
  });

  it('has a child that can ask for certificates', async () => {
    const answer = await inside(
      'sh',
      '-c',
      `echo '${JSON.stringify({ address: '127.0.0.1:1', token: '', clusterId: '', spiffeId: 'spiffe://a/b', ttl: 1, timeout: 500 })}' | node /opt/isthmus-agent/csr.mjs`,
    );
    expect(JSON.parse(answer.stdout)).toMatchObject({ ok: false, error: expect.stringMatching(/connect|deadline/i) });
  });

  it('lets any user write where volumes go', async () => {
    for (const path of ['tmp', 'etc/istio/proxy'])
      expect((await stat(join(dir, 'root', path))).mode & 0o777).toBe(0o777);
  });
});
