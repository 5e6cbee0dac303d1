// The certificates and keys of one cluster: a CA, server certificates and client certificates of its components.
import 'reflect-metadata';
import { generateKeyPairSync, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { ClusterPlan } from './plan.ts';

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** All of a cluster's key material. */
export interface ClusterPki {
  readonly ca: KeyPair;
  readonly apiserver: KeyPair;
  readonly kubelet: KeyPair;
  /** Client certificates by kubeconfig user. */
  readonly users: Readonly<Record<(typeof USERS)[number]['name'], KeyPair>>;
  /** Signs service-account tokens. */
  readonly serviceAccount: { readonly publicKey: string; readonly privateKey: string };
}

const USERS = [
  { name: 'admin', common: 'kubernetes-admin', organization: 'system:masters' },
  { name: 'controller-manager', common: 'system:kube-controller-manager' },
  { name: 'scheduler', common: 'system:kube-scheduler' },
  { name: 'proxy', common: 'system:kube-proxy' },
] as const;

const YEARS_10 = 10 * 365 * 24 * 3600_000;
const SIGNING = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Makes the key material of one cluster, valid for ten years from `now` (less a day for skewed clocks). */
export async function createPki(cluster: ClusterPlan, now: Date): Promise<ClusterPki> {
  const provider = webcrypto as Crypto;
  x509.cryptoProvider.set(provider);
  const notBefore = new Date(now.getTime() - 24 * 3600_000);
  const notAfter = new Date(now.getTime() + YEARS_10);
  const caKeys = await provider.subtle.generateKey(SIGNING, true, ['sign', 'verify']);
  const caCertificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${cluster.name}-ca`,
    keys: caKeys,
    notBefore,
    notAfter,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  });

  const issue = async (subject: x509.JsonName, names: x509.JsonGeneralName[] = []): Promise<KeyPair> => {
    const keys = await provider.subtle.generateKey(SIGNING, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.create({
      subject,
      issuer: caCertificate.subject,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      notBefore,
      notAfter,
      signingAlgorithm: SIGNING,
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth, x509.ExtendedKeyUsage.serverAuth]),
        await x509.AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
        ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
      ],
    });
    return { certificate: pem(certificate), key: await privateKeyPem(provider, keys.privateKey) };
  };

  const users = await Promise.all(
    USERS.map(
      async (user) =>
        [
          user.name,
          await issue(subjectOf(user.common, 'organization' in user ? user.organization : undefined)),
        ] as const,
    ),
  );
  const serviceAccount = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return {
    ca: { certificate: pem(caCertificate), key: await privateKeyPem(provider, caKeys.privateKey) },
    apiserver: await issue(subjectOf('kube-apiserver'), [
      ...[
        'kubernetes',
        'kubernetes.default',
        'kubernetes.default.svc',
        'kubernetes.default.svc.cluster.local',
        'localhost',
      ].map((value) => ({ type: 'dns' as const, value })),
      ...['127.0.0.1', cluster.address, cluster.apiServiceAddress].map((value) => ({ type: 'ip' as const, value })),
    ]),
    kubelet: await issue(subjectOf(`system:node:${cluster.node}`, 'system:nodes'), [
      { type: 'dns', value: cluster.node },
      { type: 'ip', value: cluster.address },
    ]),
    users: Object.fromEntries(users) as ClusterPki['users'],
    serviceAccount,
  };
}

function subjectOf(common: string, organization?: string): x509.JsonName {
  return [...(organization ? [{ O: [organization] }] : []), { CN: [common] }];
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

async function privateKeyPem(provider: Crypto, key: CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await provider.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}
