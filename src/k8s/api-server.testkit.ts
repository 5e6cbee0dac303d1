// A scripted API server for tests: each request is answered by the next step of the script for its path.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ApiClient, createApiClient } from './rest.ts';

export type Step = (request: IncomingMessage, response: ServerResponse, url: URL) => void;

export interface ScriptedServer extends AsyncDisposable {
  readonly url: string;
  readonly client: ApiClient;
  /** Every request so far, as `METHOD path?query`. */
  readonly requests: string[];
  /** Resolves once `n` requests have arrived. */
  seen(n: number): Promise<void>;
}

/** Starts a server that answers the first request with the first step, and so on; the last step repeats. */
export async function scriptedServer(steps: readonly Step[]): Promise<ScriptedServer> {
  const requests: string[] = [];
  let waiting: { n: number; resolve: () => void }[] = [];
  const server = createServer((request, response) => {
    const step = steps[Math.min(requests.length, steps.length - 1)]!;
    requests.push(`${request.method} ${request.url}`);
    waiting = waiting.filter(({ n, resolve }) => {
      if (requests.length < n) return true;
      resolve();
      return false;
    });
    step(request, response, new URL(request.url!, 'http://localhost'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const access = {
    server: url,
    tls: { insecure: false },
    namespace: 'default',
    proxyUrl: '',
    credential: async () => ({ authorization: 'Bearer t' }),
  };
  const client = createApiClient({ cluster: 'test', access });
  return {
    url,
    client,
    requests,
    seen: (n) => (requests.length >= n ? Promise.resolve() : new Promise((resolve) => waiting.push({ n, resolve }))),
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers with JSON. */
export const reply =
  (body: unknown, status = 200): Step =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };

/** Answers with a Kubernetes Status. */
export const failure = (code: number, reason: string): Step =>
  reply({ kind: 'Status', code, reason, message: `${reason} it is` }, code);

/** A watch that sends these events and then stays open, or ends. */
export const events =
  (list: readonly unknown[], { end = false } = {}): Step =>
  (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    for (const event of list) response.write(`${JSON.stringify(event)}\n`);
    response.flushHeaders();
    if (end) response.end();
  };

/** The connection breaks. */
export const hangUp: Step = (_, response) => {
  response.destroy();
};
