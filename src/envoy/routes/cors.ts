// Cross-origin rules, as configuration of the cors filter for one route.

import { CorsPolicySchema } from '../../gen/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import type { Any } from '../../gen/google/protobuf/any_pb.js';
import type { Cors } from '../../model/route.ts';
import { any } from '../any.ts';
import { fraction } from './fault.ts';
import { stringMatcher } from './matchers.ts';

export const CORS_FILTER = 'envoy.filters.http.cors';

export function corsConfig(cors: Cors): Any {
  return any(CorsPolicySchema, {
    allowOriginStringMatch: cors.allowOrigins.flatMap((o) => (o.kind === 'present' ? [] : [stringMatcher(o)])),
    allowMethods: cors.allowMethods.join(','),
    allowHeaders: cors.allowHeaders.join(','),
    exposeHeaders: cors.exposeHeaders.join(','),
    ...(cors.maxAgeSeconds !== undefined && { maxAge: String(cors.maxAgeSeconds) }),
    ...(cors.allowCredentials !== undefined && { allowCredentials: cors.allowCredentials }),
    ...(cors.unmatchedPreflights && { forwardNotMatchingPreflights: cors.unmatchedPreflights === 'forward' }),
    filterEnabled: { defaultValue: fraction(100) },
  });
}
