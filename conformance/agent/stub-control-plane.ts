// A control plane just large enough to be the other side of an agent: signs CSRs and answers delta discovery.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { create, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import * as grpc from '@grpc/grpc-js';
import * as x509 from '@peculiar/x509';
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
} from '../../src/gen/envoy/service/discovery/v3/discovery_pb.js';
import {
  type IstioCertificateRequest,
  IstioCertificateRequestSchema,
  IstioCertificateResponseSchema,
} from '../../src/gen/security/v1alpha1/ca_pb.js';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
export const SERVER_NAME = 'istiod.istio-system.svc';

/** What the test can change while it runs, and what it can look at. */
export interface StubState {
  /** gRPC message with which CSRs are refused. */
  refuse?: string;
  /** Life of the next certificates. */
  ttlMs: number;
  /** What discovery answers, for streams opened afterwards. */
  resources: readonly StubResource[];
  readonly orders: {
    readonly token: string;
    readonly clusterId: string;
    readonly uri: string;
    readonly serial: string;
  }[];
  readonly nodes: DeltaDiscoveryRequest['node'][];
  /** Names in client certificates of discovery streams. */
  readonly streamPeers: string[];
}

export interface StubResource {
  readonly typeUrl: string;
  readonly name: string;
  readonly value: Uint8Array;
}

export interface StubControlPlane extends AsyncDisposable {
  /** Discovery, over mutual TLS. */
  readonly port: number;
  readonly caPort: number;
  readonly rootPem: string;
  readonly state: StubState;
}

/** `host` is what it listens on; loopback unless real pods have to reach it. */
export async function startStubControlPlane(host = '127.0.0.1'): Promise<StubControlPlane> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'O=stub',
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
  });
  const state: StubState = { ttlMs: 600_000, resources: [], orders: [], nodes: [], streamPeers: [] };
  let serial = 100;

  const sign = async (publicKey: x509.PublicKey | CryptoKey, names: x509.JsonGeneralName[]) =>
    x509.X509CertificateGenerator.create({
      issuer: root.subject,
      subject: '',
      publicKey: publicKey as CryptoKey,
      signingKey: keys.privateKey,
      signingAlgorithm: ALGORITHM,
      serialNumber: (++serial).toString(16).padStart(4, '0'),
      notBefore: new Date(Date.now() - 1000),
      notAfter: new Date(Date.now() + state.ttlMs),
      extensions: [new x509.SubjectAlternativeNameExtension(names, true)],
    });

  const serverKeys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const serverCert = await sign(serverKeys.publicKey, [{ type: 'dns', value: SERVER_NAME }]);
  const serverKey = x509.PemConverter.encode(
    await webcrypto.subtle.exportKey('pkcs8', serverKeys.privateKey),
    'PRIVATE KEY',
  );

  const server = new grpc.Server();
  server.addService(
    {
      CreateCertificate: method(
        '/istio.v1.auth.IstioCertificateService/CreateCertificate',
        IstioCertificateRequestSchema,
        IstioCertificateResponseSchema,
        false,
      ),
    },
    {
      CreateCertificate: async (
        call: grpc.ServerUnaryCall<IstioCertificateRequest, unknown>,
        done: grpc.sendUnaryData<unknown>,
      ) => {
        if (state.refuse) {
          done({ code: grpc.status.PERMISSION_DENIED, details: state.refuse });
          return;
        }
        const csr = new x509.Pkcs10CertificateRequest(call.request.csr);
        const wanted = csr.extensions.find((extension) => extension instanceof x509.SubjectAlternativeNameExtension);
        const names = wanted?.names.toJSON() ?? [];
        const cert = await sign(csr.publicKey, names);
        state.orders.push({
          token: String(call.metadata.get('authorization')[0]),
          clusterId: String(call.metadata.get('clusterid')[0]),
          uri: names[0]?.value ?? '',
          serial: cert.serialNumber,
        });
        done(null, create(IstioCertificateResponseSchema, { certChain: [cert.toString('pem'), root.toString('pem')] }));
      },
    },
  );
  const streams = new Set<grpc.ServerDuplexStream<DeltaDiscoveryRequest, unknown>>();
  server.addService(
    {
      DeltaAggregatedResources: method(
        '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
        DeltaDiscoveryRequestSchema,
        DeltaDiscoveryResponseSchema,
        true,
      ),
    },
    {
      DeltaAggregatedResources: (stream: grpc.ServerDuplexStream<DeltaDiscoveryRequest, unknown>) => {
        streams.add(stream);
        stream.on('close', () => streams.delete(stream));
        const peer = stream.getAuthContext()?.sslPeerCertificate;
        if (peer) state.streamPeers.push(peer.subjectaltname ?? '');
        stream.on('data', (request: DeltaDiscoveryRequest) => {
          if (request.node) state.nodes.push(request.node);
          if (request.responseNonce) return;
          const resources = state.resources
            .filter(({ typeUrl }) => typeUrl === request.typeUrl)
            .map(({ typeUrl, name, value }) => ({ name, version: '1', resource: { typeUrl, value } }));
          stream.write(
            create(DeltaDiscoveryResponseSchema, {
              typeUrl: request.typeUrl,
              nonce: 'n',
              systemVersionInfo: '1',
              resources,
            }),
          );
        });
        stream.on('end', () => stream.end());
        stream.on('error', () => {});
      },
    },
  );
  // Two ports: who asks for its first certificate has none to show, who discovers must.
  const bind = (demandCertificate: boolean) => {
    const pair = { private_key: Buffer.from(serverKey), cert_chain: Buffer.from(serverCert.toString('pem')) };
    const credentials = grpc.ServerCredentials.createSsl(Buffer.from(root.toString('pem')), [pair], demandCertificate);
    return new Promise<number>((resolve, reject) =>
      server.bindAsync(`${host}:0`, credentials, (error, bound) => (error ? reject(error) : resolve(bound))),
    );
  };
  const caPort = await bind(false);
  const port = await bind(true);
  return {
    port,
    caPort,
    rootPem: root.toString('pem'),
    state,
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
}

function method<I extends Message, O extends Message>(
  path: string,
  input: GenMessage<I>,
  output: GenMessage<O>,
  stream: boolean,
): grpc.MethodDefinition<I, O> {
  return {
    path,
    requestStream: stream,
    responseStream: stream,
    requestSerialize: (message) => Buffer.from(toBinary(input, message)),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    responseSerialize: (message) => Buffer.from(toBinary(output, message)),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
  };
}
