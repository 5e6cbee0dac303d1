import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.ts';
import {
  type CertificateLoopOptions,
  type HeldIdentity,
  keepCertificate,
  mergeRoots,
  renewalTime,
  retryDelay,
} from './certificates.ts';
import type { SignedCertificate } from './csr/request.ts';
import { createIdentityStore } from './identity-store.ts';
import { createLogger } from './log.ts';

const HOUR = 3_600_000;
const pem = (name: string) => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`;

describe('renewal', () => {
  it('comes before half the life, earlier by up to a tenth of it', () => {
    const certificate = { notBefore: 0, notAfter: 100 };
    expect(renewalTime(certificate, { renewAt: 0.45, random: 0 })).toBe(45);
    expect(renewalTime(certificate, { renewAt: 0.45, random: 0.999 })).toBeCloseTo(35, 0);
    expect(renewalTime(certificate, { renewAt: 0.9, random: 0 })).toBe(50);
    expect(renewalTime(certificate, { renewAt: 0.01, random: 1 })).toBe(5);
  });
  it('is retried ever more slowly, never slower than 15 s, never all at once', () => {
    expect([0, 1, 2, 10, 1000].map((n) => retryDelay(n, 0))).toEqual([500, 1000, 2000, 15_000, 15_000]);
    expect(retryDelay(10, 0.999)).toBeGreaterThan(9_900);
  });
});

describe('roots', () => {
  it('are merged once each', () => {
    expect(mergeRoots(pem('a') + pem('b'), `noise\n${pem('b')}`, '', pem('c'))).toBe(pem('a') + pem('b') + pem('c'));
  });
});

describe('the certificate loop', () => {
  const run = async (
    answers: (SignedCertificate | Error)[],
    test: (at: {
      clock: ManualClock;
      published: HeldIdentity[];
      lines: string[];
      asked: () => number;
      turn: () => Promise<void>;
    }) => Promise<void>,
    more: Partial<CertificateLoopOptions> = {},
  ) => {
    const clock = new ManualClock(0);
    const published: HeldIdentity[] = [];
    const lines: string[] = [];
    const life = new AbortController();
    let asked = 0;
    const loop = keepCertificate({
      clock,
      signal: life.signal,
      log: createLogger({ now: () => new Date(0), write: (line) => lines.push(line) }),
      clusterId: 'cluster2',
      caAddress: 'istiod.istio-system.svc:15012',
      renewAt: 0.5,
      order: async () => ({ address: 'a', token: 't', clusterId: 'cluster2', spiffeId: 's', ttl: HOUR, timeout: 1 }),
      request: async () => {
        const answer = answers[Math.min(asked++, answers.length - 1)]!;
        if (answer instanceof Error) throw answer;
        return answer;
      },
      meshRoots: async () => pem('mesh'),
      publish: async (identity) => void published.push(identity),
      random: () => 0,
      ...more,
    });
    const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
    await turn();
    await test({ clock, published, lines, asked: () => asked, turn });
    life.abort();
    clock.advance(0);
    await loop;
  };
  const signed = (from: number): SignedCertificate => ({
    key: 'k',
    chain: `chain-${from}`,
    root: pem('ca'),
    notBefore: from,
    notAfter: from + HOUR,
    serial: '1',
  });
  const pass = async (clock: ManualClock, turn: () => Promise<void>, ms: number) => {
    for (let left = ms; left > 0; left -= 30_000) {
      clock.advance(Math.min(left, 30_000));
      await turn();
    }
  };

  it('publishes, then renews before half of the life', () =>
    run([signed(0), signed(HOUR / 2)], async ({ clock, published, asked, turn }) => {
      expect(published.map(({ chain }) => chain)).toEqual(['chain-0']);
      expect(published[0]!.roots).toBe(pem('mesh') + pem('ca'));
      await pass(clock, turn, HOUR / 2 - 60_000);
      expect(asked()).toBe(1);
      await pass(clock, turn, 60_000);
      expect(published.map(({ chain }) => chain)).toEqual(['chain-0', `chain-${HOUR / 2}`]);
    }));

  it("tells the cluster and the CA's words when refused, and heals by itself", () =>
    run(
      [new Error('cluster "cluster2" is unknown'), new Error('again'), signed(0)],
      async ({ clock, published, lines, turn }) => {
        expect(lines[0]).toMatch(
          /warn\tcannot get a workload certificate for cluster 'cluster2' from istiod\.istio-system\.svc:15012: cluster "cluster2" is unknown/,
        );
        expect(published).toEqual([]);
        await pass(clock, turn, 500);
        await pass(clock, turn, 1000);
        expect(published).toHaveLength(1);
      },
    ));

  it('asks nothing while a held certificate is young', () => {
    const held = { key: 'k', chain: 'held', roots: '', notBefore: 0, notAfter: HOUR };
    return run(
      [signed(0)],
      async ({ clock, asked, turn }) => {
        await pass(clock, turn, HOUR / 2 - 60_000);
        expect(asked()).toBe(0);
        await pass(clock, turn, 60_000);
        expect(asked()).toBe(1);
      },
      { held },
    );
  });

  it('does not spin when this clock finds a new certificate old', () =>
    run([signed(-10 * HOUR)], async ({ clock, asked, turn }) => {
      await turn();
      expect(asked()).toBe(1);
      await pass(clock, turn, 1000);
      expect(asked()).toBe(2);
    }));

  it('tries again when the identity cannot be written', () => {
    let failures = 1;
    const published: HeldIdentity[] = [];
    return run(
      [signed(0)],
      async ({ clock, lines, turn }) => {
        expect(lines.join()).toContain('disk full');
        await pass(clock, turn, 600);
        expect(published).toHaveLength(1);
      },
      {
        publish: async (identity) => {
          if (failures-- > 0) throw new Error('disk full');
          published.push(identity);
        },
      },
    );
  });
});

describe('the identity store', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'identity-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));
  const open = () =>
    createIdentityStore({
      sdsDir: join(dir, 'sds'),
      certDir: join(dir, 'certs'),
      outputDir: join(dir, 'out'),
      rootCertFile: join(dir, 'root.pem'),
    });
  const identity = { key: 'KEY', chain: pem('leaf'), roots: pem('r1'), notBefore: 1000, notAfter: 2000 };
  const secret = async (name: string) => JSON.parse(await readFile(join(dir, 'sds', `${name}.yaml`), 'utf8'));

  it('hands key and chain to Envoy in one file, readable to the owner only, and leaves nothing half written', async () => {
    await open().publish(identity);
    const { resources } = await secret('default');
    expect(resources[0]).toMatchObject({ name: 'default' });
    const { certificate_chain, private_key } = resources[0].tls_certificate;
    expect(Buffer.from(certificate_chain.inline_bytes, 'base64').toString()).toBe(identity.chain);
    expect(Buffer.from(private_key.inline_bytes, 'base64').toString()).toBe('KEY');
    expect((await stat(join(dir, 'sds/default.yaml'))).mode & 0o777).toBe(0o600);
    expect(await readdir(join(dir, 'sds'))).toEqual(['ROOTCA.yaml', 'default.yaml']);
    expect((await readdir(join(dir, 'out'))).sort()).toEqual(['cert-chain.pem', 'key.pem', 'root-cert.pem']);
  });

  it('gives back what an earlier run left while it is valid', async () => {
    await open().publish(identity);
    expect(await open().held(1500)).toEqual(identity);
    expect(await open().held(2000)).toBeUndefined();
    expect(await open().held(999)).toBeUndefined();
  });

  it('publishes again with a new version when the roots change, keeping the old ones', async () => {
    const store = open();
    await writeFile(join(dir, 'root.pem'), pem('r1'));
    expect(await store.refreshRoots()).toBe(false);
    await store.publish(identity);
    const before = (await secret('ROOTCA')).version_info;
    expect(await store.refreshRoots()).toBe(false);
    await writeFile(join(dir, 'root.pem'), pem('r2'));
    expect(await store.refreshRoots()).toBe(true);
    const after = await secret('ROOTCA');
    expect(after.version_info).not.toBe(before);
    const roots = Buffer.from(after.resources[0].validation_context.trusted_ca.inline_bytes, 'base64').toString();
    expect(roots).toBe(pem('r2') + pem('r1'));
    expect(await store.refreshRoots()).toBe(false);
    await rm(join(dir, 'root.pem'));
    expect(await store.refreshRoots()).toBe(false);
  });
});
