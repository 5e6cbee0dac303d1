// Key sets: what is usable is kept, what is not must never let a token pass or a listener be refused.
import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { usableKeys } from './jwks.ts';

const good = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
const kids = (text: string) => JSON.parse(text).keys.map(({ kid }: { kid?: string }) => kid);

it('keeps usable keys and drops the others', () => {
  const set = {
    keys: [
      { ...good, kid: 'a' },
      { kty: 'EC', kid: 'b' },
      { ...good, kid: 'c', alg: 'RS256' },
      7,
      { kty: 'oct', k: 'x' },
    ],
  };
  expect(kids(usableKeys(JSON.stringify(set)))).toEqual(['a']);
});

it('never is without a key', () => {
  for (const text of [
    undefined,
    '',
    'nonsense',
    '[]',
    '{}',
    '{"keys":{}}',
    '{"keys":[]}',
    '{"keys":[{"kty":"RSA"}]}',
  ]) {
    expect(kids(usableKeys(text))).toEqual(['nobody']);
  }
});
