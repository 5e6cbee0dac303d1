// Which secrets proxies get, and in which forms Kubernetes may hold them.
import { expect, it } from 'vitest';
import { fileSecret, kubernetesSecret } from './secrets.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const stored: Record<string, Record<string, string>> = {
  tls: { 'tls.crt': base64('chain'), 'tls.key': base64('key'), 'ca.crt': base64('roots') },
  generic: { cert: base64('chain'), key: base64('key') },
  'generic-cacert': { cacert: base64('roots') },
  empty: {},
};
const get = (name: string) => kubernetesSecret(name, 'ns', (own) => stored[own]);
const inline = (text: string) => ({ specifier: { case: 'inlineBytes', value: new Uint8Array(Buffer.from(text)) } });

it('reads both forms of certificates', () => {
  for (const name of ['kubernetes://tls', 'kubernetes://ns/tls', 'kubernetes://generic']) {
    expect(get(name)).toMatchObject({
      type: { case: 'tlsCertificate', value: { certificateChain: inline('chain'), privateKey: inline('key') } },
    });
  }
});

it('finds trust anchors beside a certificate or in a Secret of their own', () => {
  for (const name of ['kubernetes://tls-cacert', 'kubernetes://generic-cacert']) {
    expect(get(name)).toMatchObject({ type: { case: 'validationContext', value: { trustedCa: inline('roots') } } });
  }
});

it('answers nothing for what is not there, incomplete, or of another namespace', () => {
  for (const name of [
    'kubernetes://gone',
    'kubernetes://empty',
    'kubernetes://other/tls',
    'default',
    'kubernetes://empty-cacert',
  ]) {
    expect(get(name)).toBeUndefined();
  }
});

it('lets Envoy read mounted files, and watch them', () => {
  expect(fileSecret('file-cert:/c/tls.crt~/c/tls.key')).toMatchObject({
    type: { case: 'tlsCertificate', value: { watchedDirectory: { path: '/c' } } },
  });
  expect(fileSecret('file-root:/c/ca.crt')).toMatchObject({ type: { case: 'validationContext' } });
  expect(fileSecret('kubernetes://x')).toBeUndefined();
});
