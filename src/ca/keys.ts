// Private keys as operators have them (PKCS#1, SEC1, PKCS#8) turned into what WebCrypto signs with.
import { createPrivateKey, type KeyObject, type webcrypto } from 'node:crypto';

export type SigningAlgorithm =
  | { readonly name: 'ECDSA'; readonly hash: 'SHA-256' | 'SHA-384' | 'SHA-512' }
  | { readonly name: 'RSASSA-PKCS1-v1_5'; readonly hash: 'SHA-256' };

export interface SigningKey {
  readonly key: CryptoKey;
  readonly algorithm: SigningAlgorithm;
  /** Compares with a certificate's public key. */
  readonly object: KeyObject;
}

const CURVES: Readonly<Record<string, { curve: string; hash: 'SHA-256' | 'SHA-384' | 'SHA-512' }>> = {
  prime256v1: { curve: 'P-256', hash: 'SHA-256' },
  secp384r1: { curve: 'P-384', hash: 'SHA-384' },
  secp521r1: { curve: 'P-521', hash: 'SHA-512' },
};

/** Loads a PEM private key. Throws an Error that says what is wrong with it. */
export async function loadSigningKey(pem: string): Promise<SigningKey> {
  let object: KeyObject;
  try {
    object = createPrivateKey(pem);
  } catch (cause) {
    throw new Error('the private key is not an unencrypted PEM key (PKCS#1, SEC1 or PKCS#8)', { cause });
  }
  const der = object.export({ format: 'der', type: 'pkcs8' });
  if (object.asymmetricKeyType === 'rsa') {
    const bits = object.asymmetricKeyDetails?.modulusLength ?? 0;
    if (bits < 2048) throw new Error(`the private key is RSA of ${bits} bits; at least 2048 are needed`);
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;
    return { key: await importKey(der, algorithm), algorithm, object };
  }
  const curve = CURVES[object.asymmetricKeyDetails?.namedCurve ?? ''];
  if (object.asymmetricKeyType !== 'ec' || !curve) {
    throw new Error(`the private key is of type ${object.asymmetricKeyType}; use RSA or ECDSA (P-256, P-384, P-521)`);
  }
  const key = await importKey(der, { name: 'ECDSA', namedCurve: curve.curve });
  return { key, algorithm: { name: 'ECDSA', hash: curve.hash }, object };
}

function importKey(
  der: Buffer,
  algorithm: webcrypto.RsaHashedImportParams | webcrypto.EcKeyImportParams,
): Promise<CryptoKey> {
  return crypto.subtle.importKey('pkcs8', new Uint8Array(der), algorithm, false, ['sign']);
}

/** A new ECDSA P-256 key: small, and an order of magnitude cheaper to sign with than RSA. */
export async function generateKey(): Promise<{ pair: webcrypto.CryptoKeyPair; pem: string }> {
  const pair = (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', pair.privateKey)).toString('base64');
  const lines = der.match(/.{1,64}/g)!.join('\n');
  return { pair, pem: `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n` };
}
