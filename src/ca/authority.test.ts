import { type webcrypto, X509Certificate } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../lib/clock.ts';
import { type AuthorityFiles, createSelfSigned, openAuthority } from './authority.ts';
import { checkCsr } from './csr.ts';
import { generateKey } from './keys.ts';

const ME = 'spiffe://cluster.local/ns/sample/sa/sleep';
const EC = { name: 'ECDSA', namedCurve: 'P-256' };

async function csr(
  names: string[],
  algorithm: webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams = EC,
): Promise<string> {
  const keys = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const san = names.map((value) => ({
    type: value.startsWith('spiffe:') ? ('url' as const) : ('dns' as const),
    value,
  }));
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: algorithm.name === 'ECDSA' ? { name: 'ECDSA', hash: 'SHA-256' } : algorithm,
    extensions: names.length ? [new x509.SubjectAlternativeNameExtension(san)] : [],
  });
  return request.toString('pem');
}

const rsa = (modulusLength: number): webcrypto.RsaHashedKeyGenParams => ({
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength,
});

describe('checkCsr', () => {
  test('takes a request for the own identity, or for none', async () => {
    expect(await checkCsr(await csr([ME]), ME)).toMatchObject({ ok: true });
    expect(await checkCsr(await csr([]), ME)).toMatchObject({ ok: true });
    expect(await checkCsr(await csr([ME], rsa(2048)), ME)).toMatchObject({ ok: true });
  });

  test.each([
    [
      'another identity',
      ['spiffe://cluster.local/ns/sample/sa/admin'],
      /asks for identity ".*sa\/admin".*proved to be/,
    ],
    ['a second identity', [ME, 'spiffe://cluster.local/ns/sample/sa/admin'], /sa\/admin/],
    ['a DNS name', ['istiod.istio-system.svc'], /DNS:istiod/],
  ])('refuses %s', async (_, names, reason) => {
    expect(await checkCsr(await csr(names), ME)).toMatchObject({
      ok: false,
      code: 'denied',
      reason: expect.stringMatching(reason),
    });
  });

  test('refuses garbage, a weak key and a broken signature', async () => {
    expect(await checkCsr('garbage', ME)).toMatchObject({ ok: false, code: 'invalid' });
    expect(await checkCsr('', ME)).toMatchObject({ ok: false, code: 'invalid' });
    expect(await checkCsr('A'.repeat(70_000), ME)).toMatchObject({
      ok: false,
      reason: expect.stringContaining('70000'),
    });
    const weak = await checkCsr(await csr([ME], rsa(1024)), ME);
    expect(weak).toMatchObject({ ok: false, code: 'invalid', reason: expect.stringContaining('1024') });
    const good = new x509.Pkcs10CertificateRequest(await csr([ME]));
    const bytes = new Uint8Array(good.rawData);
    bytes[bytes.length - 1]! ^= 1;
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(bytes).toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
    expect(await checkCsr(pem, ME)).toMatchObject({ ok: false, reason: expect.stringContaining('signature') });
  });
});

describe('the authority', () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1));

  async function issueFor(files: AuthorityFiles, ttlMs?: number) {
    const authority = await openAuthority({ files, clock });
    const { pair } = await generateKey();
    return { authority, issued: await authority.issue({ publicKey: pair.publicKey, uris: [ME], ttlMs }) };
  }

  test('issues what OpenSSL accepts: a leaf with the identity as its only name', async () => {
    const files = await createSelfSigned({ organization: 'cluster.local', clock });
    const { issued } = await issueFor(files);
    const leaf = new X509Certificate(issued.cert);
    const root = new X509Certificate(files.root);
    expect(leaf.subjectAltName).toBe(`URI:${ME}`);
    expect(leaf.ca).toBe(false);
    expect(leaf.checkIssued(root) && leaf.verify(root.publicKey)).toBe(true);
    expect(new Date(leaf.validTo).getTime() - clock.now()).toBe(24 * 3_600_000);
    expect(issued.intermediates).toEqual([]);
  });

  test('refuses a lifetime that is too long and never outlives itself', async () => {
    const files = await createSelfSigned({ organization: 'cluster.local', clock });
    await expect(issueFor(files, 100 * 24 * 3_600_000)).rejects.toThrow(/2400 hours was asked for; at most 2160/);
    const later = new ManualClock(clock.now() + 3650 * 24 * 3_600_000 - 60_000);
    const authority = await openAuthority({ files, clock: later });
    const { pair } = await generateKey();
    const issued = await authority.issue({ publicKey: pair.publicKey, uris: [ME] });
    expect(issued.notAfter).toEqual(authority.notAfter);
    later.advance(120_000);
    await expect(authority.issue({ publicKey: pair.publicKey, uris: [ME] })).rejects.toThrow(/ended at/);
  });

  test('names the file that is wrong', async () => {
    const files = await createSelfSigned({ organization: 'a', clock });
    const other = await createSelfSigned({ organization: 'b', clock });
    await expect(openAuthority({ files: { ...files, key: other.key }, clock })).rejects.toThrow(
      /ca-key.pem is not the key/,
    );
    await expect(openAuthority({ files: { ...files, key: 'x' }, clock })).rejects.toThrow(/private key/);
    await expect(openAuthority({ files: { ...files, root: other.root }, clock })).rejects.toThrow(
      /does not lead to root/,
    );
    await expect(openAuthority({ files: { ...files, root: '' }, clock })).rejects.toThrow(/root-cert.pem has no/);
    const { issued } = await issueFor(files);
    await expect(openAuthority({ files: { ...files, cert: issued.cert }, clock })).rejects.toThrow(
      /not a CA certificate/,
    );
  });
});
