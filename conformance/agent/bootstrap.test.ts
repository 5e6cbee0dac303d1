// Every golden bootstrap is one that the real Envoy accepts.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestCertificate } from '../../src/agent/csr/request.ts';
import { writeSdsFiles } from '../../src/agent/sds-files.ts';
import { SDS_DIR } from '../../src/lib/paths.ts';
import { ensureEnvoy } from '../../tools/envoy.ts';
import { SERVER_NAME, startStubControlPlane } from './stub-control-plane.ts';

const goldens = join(import.meta.dirname, '../../src/agent/testdata/bootstrap');
const names = (await readdir(goldens)).filter((name) => name.endsWith('.out.yaml'));

describe('bootstrap', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'bootstrap-'));
    await using ca = await startStubControlPlane();
    const { key, chain } = await requestCertificate({
      address: `127.0.0.1:${ca.caPort}`,
      roots: ca.rootPem,
      serverName: SERVER_NAME,
      token: 't',
      clusterId: 'cluster1',
      spiffeId: 'spiffe://cluster.local/ns/sample/sa/web',
      ttl: 600_000,
      timeout: 5000,
    });
    await writeSdsFiles(dir, { key, chain, roots: ca.rootPem }, '1');
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it('has goldens', () => expect(names.length).toBeGreaterThanOrEqual(4));
  it.each(names)('%s is accepted', async (name) => {
    const file = join(dir, name);
    await writeFile(file, (await readFile(join(goldens, name), 'utf8')).replaceAll(SDS_DIR, dir));
    const { stdout, stderr } = await promisify(execFile)(await ensureEnvoy(), [
      '--mode',
      'validate',
      '-l',
      'warning',
      '-c',
      file,
    ]);
    expect(stdout + stderr).toContain('OK');
    expect(stderr).not.toMatch(/deprecated|unknown field|rejected/i);
  });
});
