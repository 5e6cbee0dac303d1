// Who may look at debug endpoints: this machine, or somebody that an API server vouches for.
import { type Callers, Refusal } from './caller.ts';
import { type HttpAnswer, type HttpRequest, isLoopback } from './http-server.ts';

export interface DebugGuardOptions {
  /** Absent in standalone runs: then only this machine may look. */
  readonly callers?: Callers;
  /** Service accounts of this namespace may see everything. */
  readonly namespace: string;
}

/** Undefined when `request` may pass, else the answer it gets. Port-forwards come from loopback. */
export async function guardDebug(request: HttpRequest, options: DebugGuardOptions): Promise<HttpAnswer | undefined> {
  if (isLoopback(request.remote)) return undefined;
  if (!options.callers) return { status: 403, body: 'debug endpoints answer only to this machine here\n' };
  try {
    const caller = await options.callers.identify({
      authorization: request.headers.authorization,
      cluster: String(request.headers.clusterid ?? ''),
    });
    if (caller.identity.namespace === options.namespace) return undefined;
    return {
      status: 403,
      body: `service accounts of namespace "${options.namespace}" may look at this; you are ${caller.uri}\n`,
    };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const status = error.code === 'unavailable' ? 503 : error.code === 'denied' ? 403 : 401;
    return { status, body: `${error.message}\nUse a token with audience istio-ca, or a port-forward.\n` };
  }
}
