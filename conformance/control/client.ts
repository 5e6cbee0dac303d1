// Callers of a control plane: an agent that wants a certificate, and a proxy that wants its configuration.
import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import { create, fromBinary, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { Client, type ClientDuplexStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import * as x509 from '@peculiar/x509';
import { generateKey } from '../../src/ca/keys.ts';
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from '../../src/gen/envoy/service/discovery/v3/discovery_pb.js';
import {
  IstioCertificateRequestSchema,
  IstioCertificateResponseSchema,
} from '../../src/gen/security/v1alpha1/ca_pb.js';

export interface Target {
  readonly port: number;
  /** The mesh's root, PEM. */
  readonly root: string;
}

export interface KeyPair {
  readonly key: string;
  readonly chain: string;
}

export interface Csr {
  readonly pem: string;
  readonly key: string;
}

/** A new key and a request for these SPIFFE ids. */
export async function makeCsr(...uris: string[]): Promise<Csr> {
  const { pair, pem } = await generateKey();
  const san = uris.map((value) => ({ type: 'url' as const, value }));
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys: pair as webcrypto.CryptoKeyPair,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: san.length ? [new x509.SubjectAlternativeNameExtension(san)] : [],
  });
  return { pem: request.toString('pem'), key: pem };
}

export interface SignRequest extends Target {
  readonly csr: string;
  readonly token?: string;
  readonly cluster?: string;
  readonly certificate?: KeyPair;
}

/** Asks the CA. Resolves with the chain, rejects with the gRPC error. */
export function sign({ csr, token, cluster, ...target }: SignRequest): Promise<string[]> {
  const client = open(target);
  const metadata = new Metadata();
  if (token) metadata.set('authorization', `Bearer ${token}`);
  if (cluster) metadata.set('clusterid', cluster);
  const path = '/istio.v1.auth.IstioCertificateService/CreateCertificate';
  return new Promise<string[]>((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      (text: string) =>
        Buffer.from(toBinary(IstioCertificateRequestSchema, create(IstioCertificateRequestSchema, { csr: text }))),
      (bytes) => fromBinary(IstioCertificateResponseSchema, bytes).certChain,
      csr,
      metadata,
      { deadline: Date.now() + 20_000 },
      (error, chain) => (error ? reject(error) : resolve(chain!)),
    );
  }).finally(() => client.close());
}

/** Gets a certificate for a service account, as an agent does. */
export async function enroll(request: Omit<SignRequest, 'csr'> & { readonly uri: string }): Promise<KeyPair> {
  const { uri, ...rest } = request;
  const csr = await makeCsr(uri);
  const chain = await sign({ ...rest, csr: csr.pem });
  return { key: csr.key, chain: chain.slice(0, -1).join('') };
}

export interface NodeInit {
  readonly id: string;
  readonly metadata?: JsonObject;
}

/** A delta ADS stream that acknowledges everything, unless it was told not to read. */
export interface ProxyStream extends Disposable {
  subscribe(typeUrl: string, ...names: string[]): void;
  /** Resources that it has now, by type and name. */
  readonly resources: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>;
  /** How the stream ended. */
  readonly ended: Promise<ServiceError | undefined>;
  readonly responses: number;
  stopReading(): void;
}

export interface ProxyOptions extends Target {
  readonly certificate?: KeyPair;
  readonly token?: string;
  readonly node: NodeInit;
}

export function openProxy(options: ProxyOptions): ProxyStream {
  return follow(open(options), options);
}

/** The same where nothing has to be proved. */
export function openPlaintextProxy(options: { readonly port: number; readonly node: NodeInit }): ProxyStream {
  return follow(new Client(`127.0.0.1:${options.port}`, credentials.createInsecure()), options);
}

function follow(client: Client, options: Pick<ProxyOptions, 'token' | 'node'>): ProxyStream {
  const metadata = new Metadata();
  if (options.token) metadata.set('authorization', `Bearer ${options.token}`);
  const stream: ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse> = client.makeBidiStreamRequest(
    '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
    (message) => Buffer.from(toBinary(DeltaDiscoveryRequestSchema, message)),
    (bytes) => fromBinary(DeltaDiscoveryResponseSchema, bytes),
    metadata,
  );
  const resources = new Map<string, Map<string, Uint8Array>>();
  let responses = 0;
  let node: NodeInit | undefined = options.node;
  const send = (init: Partial<DeltaDiscoveryRequest>): void => {
    stream.write(
      create(DeltaDiscoveryRequestSchema, {
        ...(init as object),
        ...(node ? { node: { id: node.id, metadata: node.metadata } } : {}),
      }),
    );
    node = undefined;
  };
  const ended = new Promise<ServiceError | undefined>((resolve) => {
    stream.on('error', (error: ServiceError) => resolve(error));
    stream.on('end', () => resolve(undefined));
  });
  stream.on('data', (response: DeltaDiscoveryResponse) => {
    responses += 1;
    const known = resources.get(response.typeUrl) ?? new Map<string, Uint8Array>();
    resources.set(response.typeUrl, known);
    for (const { name, resource } of response.resources) known.set(name, resource!.value);
    for (const name of response.removedResources) known.delete(name);
    send({ typeUrl: response.typeUrl, responseNonce: response.nonce });
  });
  return {
    subscribe: (typeUrl, ...names) => send({ typeUrl, resourceNamesSubscribe: names }),
    resources,
    ended,
    get responses() {
      return responses;
    },
    stopReading: () => void stream.pause(),
    [Symbol.dispose]() {
      stream.cancel();
      client.close();
    },
  };
}

function open({ port, root, certificate }: Target & { readonly certificate?: KeyPair }): Client {
  const secure = credentials.createSsl(
    Buffer.from(root),
    certificate ? Buffer.from(certificate.key) : null,
    certificate ? Buffer.from(certificate.chain) : null,
  );
  const name = 'istiod.istio-system.svc';
  return new Client(`127.0.0.1:${port}`, secure, {
    'grpc.ssl_target_name_override': name,
    'grpc.default_authority': name,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_send_message_length': -1,
  });
}
