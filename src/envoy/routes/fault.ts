// Injected delays and errors, as configuration of the fault filter for one route.

import { HTTPFaultSchema } from '../../gen/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import type { FractionalPercentSchema } from '../../gen/envoy/type/v3/percent_pb.js';
import { FractionalPercent_DenominatorType as Denominator } from '../../gen/envoy/type/v3/percent_pb.js';
import type { Any } from '../../gen/google/protobuf/any_pb.js';
import type { Fault } from '../../model/route.ts';
import { any, duration, type Init } from '../any.ts';

export const FAULT_FILTER = 'envoy.filters.http.fault';

export function faultConfig({ delay, abort }: Fault): Any {
  return any(HTTPFaultSchema, {
    ...(delay && {
      delay: {
        faultDelaySecifier: { case: 'fixedDelay', value: duration(delay.fixedDelayMs) },
        percentage: fraction(delay.percent),
      },
    }),
    ...(abort && {
      abort: {
        errorType: abort.grpcStatus
          ? { case: 'grpcStatus', value: grpcStatus(abort.grpcStatus) }
          : { case: 'httpStatus', value: abort.httpStatus },
        percentage: fraction(abort.percent),
      },
    }),
  });
}

/** Percent with up to four decimals. */
export function fraction(percent: number): Init<typeof FractionalPercentSchema> {
  return { numerator: Math.round(percent * 10_000), denominator: Denominator.MILLION };
}

const GRPC_STATUS = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

/** Number of a gRPC status given by name or number; UNKNOWN for anything else. */
export function grpcStatus(written: string): number {
  const number = Number(written);
  if (Number.isInteger(number) && number >= 0 && number < GRPC_STATUS.length) return number;
  const index = GRPC_STATUS.indexOf(written.toUpperCase());
  return index < 0 ? 2 : index;
}
