// TLS contexts: what a proxy presents and demands as a client (upstream) and as a server (downstream).
import { create } from '@bufbuild/protobuf';
import { type TransportSocket, TransportSocketSchema } from '../gen/envoy/config/core/v3/base_pb.js';
import {
  type CertificateValidationContextSchema,
  SubjectAltNameMatcher_SanType as SanType,
  type SubjectAltNameMatcherSchema,
  type TlsParametersSchema,
  TlsParameters_TlsProtocol as TlsProtocol,
} from '../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import {
  type CommonTlsContextSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import type { ServerTls } from '../model/gateway.ts';
import type { ClientTls } from '../model/traffic.ts';
import { extension, type Init } from './any.ts';
import {
  adsSecret,
  fileCertificate,
  fileRoots,
  kubernetesRoots,
  kubernetesSecret,
  workloadCertificate,
  workloadRoots,
} from './sds.ts';

type CommonTls = Init<typeof CommonTlsContextSchema>;
type SanMatcher = Init<typeof SubjectAltNameMatcherSchema>;
type Parameters = Init<typeof TlsParametersSchema>;
type Validation = Init<typeof CertificateValidationContextSchema>;

/** What the bytes inside a connection are, as far as the client knows. */
export type TlsPayload = 'http1' | 'http2' | 'tcp' | 'auto';

/**
 * Application protocols offered to another proxy of the mesh. The receiver picks its filter chain by the `istio` names and
 * its codec by the plain one; `istio-peer-exchange` is not offered, because it announces a preamble that stock Envoy cannot send.
 */
export const MESH_ALPN: Readonly<Record<TlsPayload, readonly string[]>> = {
  http1: ['istio-http/1.1', 'istio', 'http/1.1'],
  http2: ['istio-h2', 'istio', 'h2'],
  tcp: ['istio'],
  // Connections that are not HTTP say so themselves, see opaque.ts.
  auto: ['istio-http/1.1', 'istio'],
};

/** Application protocols by which an inbound filter chain knows that the caller is a proxy of the mesh. */
export const MESH_HTTP_ALPN: readonly string[] = ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'];
export const MESH_TCP_ALPN: readonly string[] = ['istio-peer-exchange', 'istio'];

/** A client speaks TLS 1.2 at least unless it is told otherwise. */
const MESH_PARAMETERS: Parameters = { tlsMaximumProtocolVersion: TlsProtocol.TLSv1_3 };

/** TLS of the mesh (DestinationRule ISTIO_MUTUAL, and what automatic mTLS uses). */
export const MESH_CLIENT_TLS: ClientTls = {
  mode: 'istio-mutual',
  clientCertificate: '',
  privateKey: '',
  caCertificates: '',
  credentialName: '',
  subjectAltNames: [],
  sni: '',
  insecureSkipVerify: false,
  caCrl: '',
};

export interface UpstreamTlsOptions {
  readonly tls: ClientTls;
  readonly payload: TlsPayload;
  /** SNI when the rule names none: `outbound_.80_._.host` inside the mesh; '' leaves it to Envoy (auto_sni). */
  readonly sni: string;
  /** Identities accepted inside the mesh when the rule names none; [] accepts any of the mesh. */
  readonly subjectAltNames: readonly string[];
  /** Setting ISTHMUS_SDS_DIR of the class; '' for a stock agent. */
  readonly sdsDir: string;
}

/** The transport socket of a client; undefined when the rule disables TLS. */
export function upstreamTls(options: UpstreamTlsOptions): TransportSocket | undefined {
  const { tls } = options;
  if (tls.mode === 'disable') return undefined;
  const mesh = tls.mode === 'istio-mutual';
  const common: CommonTls = mesh ? meshClient(options) : originated(options);
  return create(
    TransportSocketSchema,
    // The type says what it is; a longer name would only be repeated in every cluster.
    extension('tls', UpstreamTlsContextSchema, {
      commonTlsContext: common,
      sni: tls.sni || options.sni,
    }),
  );
}

function meshClient({ tls, payload, subjectAltNames, sdsDir }: UpstreamTlsOptions): CommonTls {
  const names = tls.subjectAltNames.length > 0 ? tls.subjectAltNames : subjectAltNames;
  return {
    tlsParams: MESH_PARAMETERS,
    alpnProtocols: [...MESH_ALPN[payload]],
    tlsCertificateSdsSecretConfigs: [workloadCertificate(sdsDir)],
    validationContextType: {
      case: 'combinedValidationContext',
      value: {
        defaultValidationContext: { matchTypedSubjectAltNames: names.map((name) => exactSan(name)) },
        validationContextSdsSecretConfig: workloadRoots(sdsDir),
      },
    },
  };
}

/** TLS towards something that is not a proxy of the mesh (SIMPLE, MUTUAL). */
function originated({ tls, payload }: UpstreamTlsOptions): CommonTls {
  const certificate =
    tls.mode !== 'mutual'
      ? ''
      : tls.credentialName
        ? kubernetesSecret(tls.credentialName)
        : fileCertificate(tls.clientCertificate, tls.privateKey);
  return {
    alpnProtocols: payload === 'http2' ? ['h2'] : payload === 'http1' ? ['http/1.1'] : [],
    tlsCertificateSdsSecretConfigs: certificate ? [adsSecret(certificate)] : [],
    validationContextType: originatedValidation(tls),
  };
}

function originatedValidation(tls: ClientTls): CommonTls['validationContextType'] {
  if (tls.insecureSkipVerify) return { case: undefined };
  const names: Validation = {
    matchTypedSubjectAltNames: tls.subjectAltNames.flatMap((name) =>
      name.includes('://') ? [exactSan(name)] : [exactSan(name, SanType.DNS), exactSan(name, SanType.URI)],
    ),
    ...(tls.caCrl && { crl: { specifier: { case: 'filename', value: tls.caCrl } } }),
  };
  const roots = tls.credentialName ? kubernetesRoots(tls.credentialName) : fileRoots(tls.caCertificates || 'system');
  return {
    case: 'combinedValidationContext',
    value: { defaultValidationContext: names, validationContextSdsSecretConfig: adsSecret(roots) },
  };
}

export interface MeshServerTlsOptions {
  /** Application protocols to agree on: HTTP chains speak both versions, opaque ones none. */
  readonly http: boolean;
  /** The mesh's trust domain and its aliases; a client's SPIFFE id must be in one of them. [] checks the chain only. */
  readonly trustDomains: readonly string[];
  readonly sdsDir: string;
  readonly minimum?: ServerTls['minVersion'];
  readonly cipherSuites?: readonly string[];
}

/** The transport socket of an inbound listener that speaks the mesh's mutual TLS. */
export function meshServerTls(options: MeshServerTlsOptions): TransportSocket {
  return downstream(true, {
    tlsParams: {
      tlsMinimumProtocolVersion: options.minimum ? VERSIONS[options.minimum] : TlsProtocol.TLSv1_2,
      tlsMaximumProtocolVersion: TlsProtocol.TLSv1_3,
      cipherSuites: knownCiphers(options.cipherSuites ?? []),
    },
    alpnProtocols: options.http ? ['h2', 'http/1.1'] : [],
    tlsCertificateSdsSecretConfigs: [workloadCertificate(options.sdsDir)],
    validationContextType: {
      case: 'combinedValidationContext',
      value: {
        defaultValidationContext: {
          matchTypedSubjectAltNames: options.trustDomains.map((domain) => ({
            sanType: SanType.URI,
            matcher: { matchPattern: { case: 'prefix', value: `spiffe://${domain}/` } },
          })),
        },
        validationContextSdsSecretConfig: workloadRoots(options.sdsDir),
      },
    },
  });
}

export interface GatewayTlsOptions {
  readonly tls: ServerTls;
  readonly http: boolean;
  readonly trustDomains: readonly string[];
  readonly sdsDir: string;
}

/** The transport socket of a Gateway server; undefined when the server does not terminate TLS. */
export function gatewayTls(options: GatewayTlsOptions): TransportSocket | undefined {
  const { tls } = options;
  if (tls.mode === 'passthrough' || tls.mode === 'auto-passthrough') return undefined;
  const base: CommonTls = {
    tlsParams: {
      tlsMinimumProtocolVersion: tls.minVersion ? VERSIONS[tls.minVersion] : TlsProtocol.TLSv1_2,
      tlsMaximumProtocolVersion: VERSIONS[tls.maxVersion],
      cipherSuites: knownCiphers(tls.cipherSuites),
    },
    alpnProtocols: options.http ? ['h2', 'http/1.1'] : [],
  };
  if (tls.mode === 'istio-mutual') {
    return downstream(true, {
      ...base,
      ...meshValidation(options),
      tlsCertificateSdsSecretConfigs: [workloadCertificate(options.sdsDir)],
    });
  }
  const certificates =
    tls.credentialNames.length > 0
      ? tls.credentialNames.map((name) => adsSecret(kubernetesSecret(name)))
      : [adsSecret(fileCertificate(tls.serverCertificate, tls.privateKey))];
  const mutual = tls.mode === 'mutual' || tls.mode === 'optional-mutual';
  return downstream(tls.mode === 'mutual', {
    ...base,
    tlsCertificateSdsSecretConfigs: certificates,
    validationContextType: mutual ? clientValidation(tls) : { case: undefined },
  });
}

function clientValidation(tls: ServerTls): CommonTls['validationContextType'] {
  const first = tls.credentialNames[0];
  return {
    case: 'combinedValidationContext',
    value: {
      defaultValidationContext: {
        matchTypedSubjectAltNames: tls.subjectAltNames.flatMap((name) =>
          name.includes('://') ? [exactSan(name)] : [exactSan(name, SanType.DNS), exactSan(name, SanType.URI)],
        ),
      },
      validationContextSdsSecretConfig: adsSecret(first ? kubernetesRoots(first) : fileRoots(tls.caCertificates)),
    },
  };
}

function meshValidation({ tls, trustDomains, sdsDir }: GatewayTlsOptions): Pick<CommonTls, 'validationContextType'> {
  const names: SanMatcher[] =
    tls.subjectAltNames.length > 0
      ? tls.subjectAltNames.map((name) => exactSan(name))
      : trustDomains.map((domain) => ({
          sanType: SanType.URI,
          matcher: { matchPattern: { case: 'prefix', value: `spiffe://${domain}/` } },
        }));
  return {
    validationContextType: {
      case: 'combinedValidationContext',
      value: {
        defaultValidationContext: { matchTypedSubjectAltNames: names },
        validationContextSdsSecretConfig: workloadRoots(sdsDir),
      },
    },
  };
}

function downstream(requireClientCertificate: boolean, commonTlsContext: CommonTls): TransportSocket {
  return create(
    TransportSocketSchema,
    extension('envoy.transport_sockets.tls', DownstreamTlsContextSchema, {
      commonTlsContext,
      requireClientCertificate,
      disableStatefulSessionResumption: true,
    }),
  );
}

function exactSan(name: string, sanType = SanType.URI): SanMatcher {
  return { sanType, matcher: { matchPattern: { case: 'exact', value: name } } };
}

const VERSIONS: Readonly<Record<ServerTls['maxVersion'], TlsProtocol>> = {
  '': TlsProtocol.TLSv1_3,
  '1.0': TlsProtocol.TLSv1_0,
  '1.1': TlsProtocol.TLSv1_1,
  '1.2': TlsProtocol.TLSv1_2,
  '1.3': TlsProtocol.TLSv1_3,
};

/** Envoy refuses a listener that names a suite which it does not know; the mesh leaves such names out, as Istio does. */
const knownCiphers = (names: readonly string[]): string[] => names.filter((name) => CIPHERS.has(name));

const CIPHERS: ReadonlySet<string> = new Set([
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA',
  'AES256-SHA',
]);
