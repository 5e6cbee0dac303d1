// Creates a key and asks the mesh CA to certify it. Heavy libraries: only ever loaded by the child process.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import * as x509 from '@peculiar/x509';
import {
  IstioCertificateRequestSchema,
  type IstioCertificateResponse,
  IstioCertificateResponseSchema,
} from '../../gen/security/v1alpha1/ca_pb.js';

/** What the child is asked to do; times in milliseconds. */
export interface CertificateOrder {
  /** host:port of the CA. */
  readonly address: string;
  /** PEM trust anchors for the CA's own certificate; absent only in tests: plaintext. */
  readonly roots?: string;
  /** The DNS name the CA must prove, if not the host called. */
  readonly serverName?: string;
  readonly token: string;
  readonly clusterId: string;
  readonly spiffeId: string;
  readonly ttl: number;
  readonly timeout: number;
}

/** PEM texts; times are epoch milliseconds. */
export interface SignedCertificate {
  readonly key: string;
  readonly chain: string;
  readonly root: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly serial: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const PATH = '/istio.v1.auth.IstioCertificateService/CreateCertificate';

/** Throws an Error whose message is the CA's own (gRPC status and details) or says what is wrong with its answer. */
export async function requestCertificate(order: CertificateOrder): Promise<SignedCertificate> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: order.spiffeId }], true)],
  });
  const { certChain } = await createCertificate(order, csr.toString('pem'));

  const first = certChain[0];
  if (!first) throw new Error('the CA answered with an empty certificate chain');
  const leaf = new x509.X509Certificate(first);
  const own = Buffer.from(await webcrypto.subtle.exportKey('spki', keys.publicKey));
  if (!own.equals(Buffer.from(leaf.publicKey.rawData)))
    throw new Error('the CA certified another key than the one asked for');

  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return {
    key: x509.PemConverter.encode(key, 'PRIVATE KEY'),
    // The last element is the root, as the API has it; it is a trust anchor and not part of what is presented.
    chain: certChain
      .slice(0, Math.max(1, certChain.length - 1))
      .map(line)
      .join(''),
    root: line(certChain.length > 1 ? certChain.at(-1)! : ''),
    notBefore: leaf.notBefore.getTime(),
    notAfter: leaf.notAfter.getTime(),
    serial: leaf.serialNumber,
  };
}

function createCertificate(order: CertificateOrder, csr: string): Promise<IstioCertificateResponse> {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${order.token}`);
  metadata.set('clusterid', order.clusterId);
  const client = new Client(
    order.address,
    order.roots === undefined ? credentials.createInsecure() : credentials.createSsl(Buffer.from(order.roots)),
    order.serverName
      ? { 'grpc.ssl_target_name_override': order.serverName, 'grpc.default_authority': order.serverName }
      : {},
  );
  const request = create(IstioCertificateRequestSchema, {
    csr,
    validityDuration: BigInt(Math.round(order.ttl / 1000)),
    metadata: { ClusterID: order.clusterId },
  });
  return new Promise<IstioCertificateResponse>((resolve, reject) => {
    client.makeUnaryRequest(
      PATH,
      (message: Uint8Array) => Buffer.from(message),
      (bytes: Buffer) => fromBinary(IstioCertificateResponseSchema, bytes),
      toBinary(IstioCertificateRequestSchema, request),
      metadata,
      { deadline: Date.now() + order.timeout },
      (error: ServiceError | null, response?: IstioCertificateResponse) => {
        client.close();
        if (error || !response) reject(error ?? new Error('the CA sent no answer'));
        else resolve(response);
      },
    );
  });
}

function line(pem: string): string {
  return pem === '' || pem.endsWith('\n') ? pem : `${pem}\n`;
}
