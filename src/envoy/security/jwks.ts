// Key sets as Envoy takes them: one without a usable key would make it refuse the whole listener.
import { createPublicKey } from 'node:crypto';

/**
 * Stands for "no keys": the public half of a key pair whose private half was thrown away when it was made, so that no token
 * can be valid under it.
 */
const NOBODYS_KEYS = JSON.stringify({
  keys: [
    {
      kty: 'EC',
      crv: 'P-256',
      alg: 'ES256',
      kid: 'nobody',
      x: 'gYtAJmS4ZLAot8lDuj8cs_fYOokO9TLO6KswmGJRx4E',
      y: 'SWi3tLL8KSzC8Lf0pgiH41sOa8SuRfbklCyS9uKZjW0',
    },
  ],
});

/** The usable keys of a set; when there are none (or no set), keys that no token matches. */
export function usableKeys(text: string | undefined): string {
  if (!text) return NOBODYS_KEYS;
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown };
    const usable = Array.isArray(keys) ? keys.filter(isUsable) : [];
    if (usable.length > 0) return JSON.stringify({ keys: usable });
  } catch {
    // Falls through: text that is no JSON has no keys.
  }
  return NOBODYS_KEYS;
}

const ALGORITHMS: Readonly<Record<string, RegExp>> = {
  RSA: /^(RS|PS)(256|384|512)$/,
  EC: /^ES(256|384|512)$/,
  OKP: /^EdDSA$/,
};
const CURVES = ['P-256', 'P-384', 'P-521', 'Ed25519'];

function isUsable(key: unknown): boolean {
  if (typeof key !== 'object' || key === null) return false;
  const { kty, alg, crv } = key as Record<string, unknown>;
  const algorithms = typeof kty === 'string' ? ALGORITHMS[kty] : undefined;
  if (!algorithms || (alg !== undefined && !(typeof alg === 'string' && algorithms.test(alg)))) return false;
  if (kty !== 'RSA' && !CURVES.includes(String(crv))) return false;
  try {
    createPublicKey({ key: key as Record<string, string>, format: 'jwk' });
    return true;
  } catch {
    return false;
  }
}
