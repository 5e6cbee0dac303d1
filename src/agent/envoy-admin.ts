// A small client of Envoy's admin port. Answers are bounded: nothing a proxy says may grow the agent.
import { Agent, type IncomingMessage, request } from 'node:http';

export interface AdminOptions {
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  readonly signal?: AbortSignal;
  /** Milliseconds; default 3 s. */
  readonly timeout?: number;
}

// One connection for probes that come every second.
const agent = new Agent({ keepAlive: true, maxSockets: 2, maxFreeSockets: 1, timeout: 30_000 });

/** Opens a call and resolves with the answer's stream, whatever its status. */
export function openAdmin(
  call: { method?: string; path: string; body?: string },
  options: AdminOptions,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: options.host ?? '127.0.0.1',
        port: options.port,
        method: call.method ?? 'GET',
        path: call.path,
        agent,
        signal: options.signal,
        timeout: options.timeout ?? 3000,
      },
      resolve,
    );
    sent.on('timeout', () =>
      sent.destroy(new Error(`Envoy admin: no answer to ${call.path} in ${options.timeout ?? 3000} ms`)),
    );
    sent.on('error', reject);
    sent.end(call.body);
  });
}

/** The whole answer as text, at most `limit` bytes. */
export async function callAdmin(
  call: { method?: string; path: string; body?: string },
  options: AdminOptions & { readonly limit?: number },
): Promise<{ status: number; body: string }> {
  const answer = await openAdmin(call, options);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > (options.limit ?? 1 << 20)) {
      answer.destroy();
      throw new Error(`Envoy admin: the answer to ${call.path} is larger than ${options.limit ?? 1 << 20} bytes`);
    }
    chunks.push(chunk);
  }
  return { status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') };
}
