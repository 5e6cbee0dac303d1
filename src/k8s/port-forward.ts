// HTTP to a port inside a pod, through the API server: what lets commands ask Envoy and the control plane without any route to them.
import { request as httpRequest } from 'node:http';
import { Duplex, PassThrough } from 'node:stream';
import type { ApiAccess } from './access.ts';
import { ApiError } from './api-error.ts';

export interface PodRequest {
  readonly access: ApiAccess;
  readonly cluster: string;
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
  /** GET when absent. */
  readonly method?: string;
  /** Path and query. */
  readonly path: string;
  readonly timeoutMs?: number;
}

/** Why an API server does not open a port-forward; the WebSocket library tells only the number. */
const REFUSALS: Readonly<Record<number, string>> = {
  401: 'the credentials were not accepted',
  403: 'you need the right to create pods/portforward',
  404: 'there is no such pod',
};

const MAX_BYTES = 256 * 1024 * 1024;

/** Calls a port on the pod's loopback; resolves with the answer's body. Rejects with ApiError that names cluster and pod. */
export async function fetchFromPod(request: PodRequest): Promise<string> {
  const { cluster, namespace, pod, port, path, method = 'GET' } = request;
  const label = `${method} ${path} of pod ${namespace}/${pod} (port ${port})`;
  const fail = (reason: string, message: string, status = 0, cause?: unknown): ApiError =>
    new ApiError({ cluster, status, reason, message, request: label, cause });
  const toPod = new PassThrough();
  const fromPod = new PassThrough();
  const said: Buffer[] = [];
  const errors = new PassThrough();
  errors.on('data', (chunk: Buffer) => said.push(chunk));
  const socket = await connect(request, { toPod, fromPod, errors }).catch((error: unknown) => {
    const message = (error as { message?: string }).message || 'the API server refused the port-forward';
    const status = Number(/response: (\d{3})/.exec(message)?.[1] ?? 0);
    throw fail('PortForward', `cannot reach pod ${namespace}/${pod}: ${REFUSALS[status] ?? message}`, status, error);
  });
  try {
    return await new Promise<string>((resolve, reject) => {
      const signal = AbortSignal.timeout(request.timeoutMs ?? 30_000);
      const connection = Duplex.from({ readable: fromPod, writable: toPod } as unknown as NodeJS.ReadableStream);
      const lost = (): void => {
        const why = Buffer.concat(said).toString('utf8').trim();
        reject(fail('PortForward', why || 'the connection to the pod was closed before it answered'));
      };
      socket.onclose = lost;
      errors.on('data', lost);
      const call = httpRequest({
        createConnection: () => connection,
        host: 'localhost',
        port,
        method,
        path,
        signal,
        headers: { connection: 'close' },
      });
      call.on('error', (error) => {
        if (signal.aborted) reject(fail('TimeoutError', 'the pod did not answer in time'));
        else reject(fail('PortForward', error.message, 0, error));
      });
      call.on('response', (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > MAX_BYTES) call.destroy(new Error(`the answer is larger than ${MAX_BYTES} bytes`));
          else chunks.push(chunk);
        });
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const status = response.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve(text);
          else reject(fail(String(status), text.trim().slice(0, 500) || `HTTP status ${status}`, status));
        });
      });
      call.end();
    });
  } finally {
    socket.onclose = null;
    socket.close();
    fromPod.destroy();
    toPod.destroy();
  }
}

interface Streams {
  readonly toPod: PassThrough;
  readonly fromPod: PassThrough;
  readonly errors: PassThrough;
}

interface ForwardSocket {
  close(): void;
  onclose: ((event: never) => void) | null;
}

/** The client library is heavy; only commands that need it load it. */
async function connect({ access, namespace, pod, port }: PodRequest, streams: Streams): Promise<ForwardSocket> {
  const { KubeConfig, PortForward } = await import('@kubernetes/client-node');
  const credential = await access.credential();
  const encode = (text: string | undefined): string | undefined => text && Buffer.from(text).toString('base64');
  const basic = /^Basic (.+)$/.exec(credential.authorization ?? '')?.[1];
  const [username, password] = basic ? Buffer.from(basic, 'base64').toString('utf8').split(/:(.*)/s) : [];
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    {
      name: 'cluster',
      server: access.server,
      caData: encode(access.tls.ca),
      skipTLSVerify: access.tls.insecure,
      tlsServerName: access.tls.serverName,
      ...(access.proxyUrl ? { proxyUrl: access.proxyUrl } : {}),
    },
    {
      name: 'user',
      certData: encode(credential.cert ?? access.tls.cert),
      keyData: encode(credential.key ?? access.tls.key),
      ...(username === undefined
        ? { token: /^Bearer (.+)$/.exec(credential.authorization ?? '')?.[1] }
        : { username, password }),
    },
  );
  const forward = new PortForward(config, false);
  const { fromPod, errors, toPod } = streams;
  return (await forward.portForward(namespace, pod, [port], fromPod, errors, toPod)) as unknown as ForwardSocket;
}
