import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { createSelfSigned, openAuthority } from '../ca/authority.ts';
import { ManualClock } from '../lib/clock.ts';
import { createServerCertificates, serverNames } from './server-certificate.ts';

const DAY_MS = 86_400_000;
const turn = () => new Promise((resolve) => setTimeout(resolve, 10));

test('renews at half its life, tells listeners, and tries again after a failure', async () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  const authority = await openAuthority({ files: await createSelfSigned({ organization: 'o', clock }), clock });
  const errors: unknown[] = [];
  let broken = false;
  using certificates = await createServerCertificates({
    authority: () => {
      if (broken) throw new Error('no CA');
      return authority;
    },
    dnsNames: ['istiod.istio-system.svc'],
    clock,
    ttlMs: 2 * DAY_MS,
    onError: (error) => errors.push(error),
  });
  const seen: string[] = [];
  certificates.onChange(({ chain }) => seen.push(new X509Certificate(chain).validTo));
  const first = certificates.current;
  expect(new X509Certificate(first.chain).subjectAltName).toBe('DNS:istiod.istio-system.svc');
  clock.advance(DAY_MS - 1);
  await turn();
  expect(seen).toEqual([]);
  clock.advance(1);
  await turn();
  expect(seen).toEqual(['Jan  4 00:00:00 2026 GMT']);
  expect(certificates.current.key).not.toBe(first.key);
  broken = true;
  clock.advance(DAY_MS);
  await turn();
  expect(errors).toHaveLength(1);
  broken = false;
  clock.advance(60_000);
  await turn();
  expect(seen).toHaveLength(2);
});

test('goes by every name that proxies, agents and API servers use', () => {
  expect(serverNames('istio-system', 'default', 'cluster.local')).toContain('istiod.istio-system.svc');
  expect(serverNames('istio-system', 'canary', 'cluster.local')).toContain(
    'istiod-canary.istio-system.svc.cluster.local',
  );
});
