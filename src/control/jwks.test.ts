// Key sets are fetched, kept over failures, and forgotten with the rules that named them.
import { expect, it, vi } from 'vitest';
import { Graph } from '../graph/graph.ts';
import { createMesh } from '../ingest/mesh.ts';
import { ManualClock } from '../lib/clock.ts';
import { followJwks } from './jwks.ts';

const rule = (spec: object) => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'RequestAuthentication',
  metadata: { namespace: 'app', name: 'tokens' },
  spec,
});

function setUp(answers: Record<string, () => Response>) {
  const mesh = createMesh(new Graph(), { configCluster: 'c' });
  const clock = new ManualClock();
  const log = { info: vi.fn(), warn: vi.fn() };
  const asked: string[] = [];
  const following = followJwks({
    mesh,
    clock,
    log,
    fetch: async (uri) => {
      asked.push(uri);
      return answers[uri]?.() ?? new Response('', { status: 404 });
    },
  });
  const settle = () => new Promise((resolve) => setTimeout(resolve, 5));
  return { mesh, clock, log, asked, following, settle };
}

it('fetches what rules name, also through discovery, and forgets it with them', async () => {
  const keys = { keys: [{ kid: 'a' }] };
  const { mesh, following, settle } = setUp({
    'https://a/keys': () => Response.json(keys),
    'https://b/.well-known/openid-configuration': () => Response.json({ jwks_uri: 'https://b/keys' }),
    'https://b/keys': () => Response.json(keys),
  });
  mesh.apply('c', rule({ jwtRules: [{ issuer: 'x', jwksUri: 'https://a/keys' }, { issuer: 'https://b/' }] }));
  await settle();
  expect([...mesh.inputs.jwks.entries()]).toEqual([
    ['https://a/keys', JSON.stringify(keys)],
    ['https://b/.well-known/openid-configuration', JSON.stringify(keys)],
  ]);
  mesh.remove('c', { kind: 'RequestAuthentication', namespace: 'app', name: 'tokens' });
  await settle();
  expect([...mesh.inputs.jwks.entries()]).toEqual([]);
  following[Symbol.dispose]();
});

it('keeps the last keys when they cannot be had again, and says so', async () => {
  let fail = false;
  const { mesh, clock, log, asked, following, settle } = setUp({
    'https://a/keys': () => (fail ? new Response('', { status: 500 }) : Response.json({ keys: [] })),
  });
  mesh.apply('c', rule({ jwtRules: [{ issuer: 'x', jwksUri: 'https://a/keys' }] }));
  await settle();
  fail = true;
  clock.advance(20 * 60_000);
  await settle();
  expect(mesh.inputs.jwks.get('https://a/keys')).toBe('{"keys":[]}');
  expect(log.warn).toHaveBeenCalledWith(expect.stringContaining('https://a/keys answered 500'));
  clock.advance(1_000);
  await settle();
  expect(asked).toHaveLength(3);
  following[Symbol.dispose]();
});

it('refuses what is no key set', async () => {
  const { mesh, log, following, settle } = setUp({ 'https://a/keys': () => Response.json([1]) });
  mesh.apply('c', rule({ jwtRules: [{ issuer: 'x', jwksUri: 'https://a/keys' }] }));
  await settle();
  expect(mesh.inputs.jwks.size).toBe(0);
  expect(log.warn).toHaveBeenCalledOnce();
  following[Symbol.dispose]();
});
