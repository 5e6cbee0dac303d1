// istio.v1.auth.IstioCertificateService over gRPC: who calls, what the request asks for, and the signed answer.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type handleUnaryCall, type ServiceDefinition, type ServiceError, status } from '@grpc/grpc-js';
import type { Authority } from '../ca/authority.ts';
import { splitPem } from '../ca/authority.ts';
import { checkCsr } from '../ca/csr.ts';
import {
  type IstioCertificateRequest,
  IstioCertificateRequestSchema,
  type IstioCertificateResponse,
  IstioCertificateResponseSchema,
} from '../gen/security/v1alpha1/ca_pb.js';
import { type Callers, type Credentials, Refusal } from './caller.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

export interface CaServiceOptions {
  readonly authority: () => Authority;
  readonly callers: Callers;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Requests in work; more are told to come back. */
  readonly maxConcurrent?: number;
}

type Handler = handleUnaryCall<IstioCertificateRequest, IstioCertificateResponse>;

export const certificateService: ServiceDefinition = {
  createCertificate: {
    path: '/istio.v1.auth.IstioCertificateService/CreateCertificate',
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: IstioCertificateRequest) => Buffer.from(toBinary(IstioCertificateRequestSchema, value)),
    requestDeserialize: (bytes: Buffer) => fromBinary(IstioCertificateRequestSchema, bytes),
    responseSerialize: (value: IstioCertificateResponse) =>
      Buffer.from(toBinary(IstioCertificateResponseSchema, value)),
    responseDeserialize: (bytes: Buffer) => fromBinary(IstioCertificateResponseSchema, bytes),
  },
};

/** An answer other than a certificate. */
class Rejection extends Error {
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

const REFUSAL_STATUS = {
  unauthenticated: status.UNAUTHENTICATED,
  denied: status.PERMISSION_DENIED,
  unavailable: status.UNAVAILABLE,
};

/** The handler for `certificateService`. */
export function createCertificateHandler(options: CaServiceOptions): { createCertificate: Handler } {
  const { metrics, log, maxConcurrent = 256 } = options;
  let working = 0;

  async function sign(credentials: Credentials, request: IstioCertificateRequest): Promise<IstioCertificateResponse> {
    const caller = await options.callers.identify(credentials);
    const verdict = await checkCsr(request.csr, caller.uri);
    if (!verdict.ok) {
      if (verdict.code === 'denied') metrics.csrDenied.inc();
      else metrics.csrParseErrors.inc();
      throw new Rejection(
        verdict.code === 'denied' ? status.PERMISSION_DENIED : status.INVALID_ARGUMENT,
        verdict.reason,
      );
    }
    const authority = options.authority();
    const ttlMs = Number(request.validityDuration) * 1000;
    const issued = await authority.issue({ publicKey: verdict.publicKey, uris: [caller.uri], ttlMs });
    log.info('issued a certificate', { identity: caller.uri, by: caller.by, until: issued.notAfter.toISOString() });
    return create(IstioCertificateResponseSchema, {
      certChain: [issued.cert, ...issued.intermediates, ...splitPem(authority.root)],
    });
  }

  return {
    createCertificate(call, callback) {
      metrics.csr.inc();
      if (working >= maxConcurrent) {
        callback(grpcError(status.RESOURCE_EXHAUSTED, `${working} requests are in work; try again`));
        return;
      }
      working += 1;
      const credentials = credentialsOf(call);
      sign(credentials, call.request)
        .then((response) => {
          metrics.csrIssued.inc();
          callback(null, response);
        })
        .catch((error: unknown) => {
          const { code, message } = explain(error, metrics);
          log.warn('refused a certificate request', {
            peer: call.getPeer(),
            cluster: credentials.cluster,
            reason: message,
          });
          callback(grpcError(code, message));
        })
        .finally(() => {
          working -= 1;
        });
    },
  };
}

/** Reads what a gRPC call shows of its caller: verified certificate, authorization and the cluster it names. */
export function credentialsOf(call: Parameters<Handler>[0]): Credentials {
  const header = (name: string): string => String(call.metadata.get(name)[0] ?? '');
  const certificate = call.getAuthContext().sslPeerCertificate;
  return {
    certificateNames: certificate?.subjectaltname,
    authorization: header('authorization'),
    cluster: header('clusterid'),
  };
}

function explain(error: unknown, metrics: Metrics): { code: status; message: string } {
  if (error instanceof Rejection) return error;
  if (error instanceof Refusal) {
    metrics.csrAuthFailures.inc();
    return { code: REFUSAL_STATUS[error.code], message: error.message };
  }
  if (error instanceof RangeError) return { code: status.INVALID_ARGUMENT, message: error.message };
  metrics.csrSignErrors.inc();
  return { code: status.INTERNAL, message: error instanceof Error ? error.message : String(error) };
}

function grpcError(code: status, details: string): ServiceError {
  return Object.assign(new Error(details), { code, details }) as ServiceError;
}
