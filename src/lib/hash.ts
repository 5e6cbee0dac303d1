// Content hashes used as versions: equal bytes, equal version, on every replica and after every restart.
import { hash } from 'node:crypto';

/** Ninety-six bits of SHA-256 over `content`, as 16 URL-safe characters. */
export function contentHash(content: Uint8Array | string): string {
  return hash('sha256', content, 'base64url').slice(0, 16);
}
