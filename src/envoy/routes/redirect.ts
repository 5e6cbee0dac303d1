// Redirects and direct answers.
import {
  RedirectAction_RedirectResponseCode as Code,
  type RedirectActionSchema,
  type RouteSchema,
} from '../../gen/envoy/config/route/v3/route_components_pb.js';
import type { HttpAction } from '../../model/route.ts';
import type { Init } from '../any.ts';

type Redirect = Init<typeof RedirectActionSchema>;
type Action = Init<typeof RouteSchema>['action'];

const CODE: Readonly<Record<number, Code>> = {
  301: Code.MOVED_PERMANENTLY,
  302: Code.FOUND,
  303: Code.SEE_OTHER,
  307: Code.TEMPORARY_REDIRECT,
  308: Code.PERMANENT_REDIRECT,
};

export interface RedirectContext {
  /** Port that the request came in on, for `from-request`. */
  readonly port: number;
}

export function redirectAction(action: Extract<HttpAction, { kind: 'redirect' }>, { port }: RedirectContext): Action {
  const redirect: Redirect = {
    hostRedirect: action.authority,
    responseCode: CODE[action.code] ?? Code.MOVED_PERMANENTLY,
    ...path(action),
    ...portOf(action, port),
    ...(action.scheme && { schemeRewriteSpecifier: { case: 'schemeRedirect' as const, value: action.scheme } }),
  };
  return { case: 'redirect', value: redirect };
}

function path(action: Extract<HttpAction, { kind: 'redirect' }>): Redirect {
  if (action.prefixRewrite) return { pathRewriteSpecifier: { case: 'prefixRewrite', value: action.prefixRewrite } };
  return action.uri ? { pathRewriteSpecifier: { case: 'pathRedirect', value: action.uri } } : {};
}

function portOf(action: Extract<HttpAction, { kind: 'redirect' }>, requestPort: number): Redirect {
  if (typeof action.port === 'number') return { portRedirect: action.port };
  if (action.port === 'from-request') return { portRedirect: requestPort };
  if (action.port === 'from-protocol' && action.scheme) return { portRedirect: action.scheme === 'https' ? 443 : 80 };
  return {};
}

export function directAction(status: number, body: string | Uint8Array): Action {
  return {
    case: 'directResponse',
    value: {
      status,
      ...(body.length > 0 && {
        body: {
          specifier:
            typeof body === 'string' ? { case: 'inlineString', value: body } : { case: 'inlineBytes', value: body },
        },
      }),
    },
  };
}
