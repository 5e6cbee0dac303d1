// Runs one rewritten probe against the app, from an address that traffic capture leaves alone.
import http, { type IncomingHttpHeaders } from 'node:http';
import net from 'node:net';
import type { Prober } from './probers.ts';

export interface ProbeContext {
  /** The pod's own address, where kubelet would have asked. */
  readonly address: string;
  /** Headers of kubelet's request. */
  readonly headers: IncomingHttpHeaders;
  /** Source address that capture passes through to the app: 127.0.0.6 or ::6. Undefined: let the kernel choose. */
  readonly source?: string;
}

export interface ProbeResult {
  readonly status: number;
  readonly body: string;
}

const LARGEST_BODY = 10 * 1024;
/** Headers that belong to one connection and not to the request. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
  'proxy-connection',
  'content-length',
]);

/** Never rejects: a probe that cannot be run is a failed probe (500) with the reason as its body. */
export async function runProbe(prober: Prober, context: ProbeContext): Promise<ProbeResult> {
  try {
    if (prober.kind === 'http') return await probeHttp(prober, context, 0);
    if (prober.kind === 'tcp') return await probeTcp(prober, context);
    // Loaded only in pods that have such a probe.
    const { probeGrpc } = await import('./probe-grpc.ts');
    return await probeGrpc(prober, context);
  } catch (error) {
    return { status: 500, body: `probe of port ${prober.port} failed: ${(error as Error).message}\n` };
  }
}

type HttpProber = Extract<Prober, { kind: 'http' }>;

async function probeHttp(prober: HttpProber, context: ProbeContext, redirects: number): Promise<ProbeResult> {
  const own = Object.fromEntries(prober.headers.map(([name, value]) => [name.toLowerCase(), value]));
  const passed = Object.entries(context.headers).filter(([name]) => !HOP_BY_HOP.has(name) && name !== 'host');
  const host = prober.host ?? context.address;
  const headers = {
    ...Object.fromEntries(passed),
    host: `${bracketed(host)}:${prober.port}`,
    ...own,
    connection: 'close',
  };
  const { request } = prober.scheme === 'https' ? await import('node:https') : http;

  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host,
        port: prober.port,
        path: prober.path,
        method: 'GET',
        headers,
        agent: false,
        localAddress: sourceFor(host, context),
        // As kubelet: a probe is about liveness, not about who answers.
        rejectUnauthorized: false,
        signal: AbortSignal.timeout(prober.timeout),
      },
      (answer) => {
        const status = answer.statusCode ?? 500;
        const next = status >= 300 && status < 400 ? redirect(prober, answer.headers.location) : undefined;
        if (next && redirects < 10) {
          answer.destroy();
          resolve(next === 'elsewhere' ? { status: 200, body: '' } : probeHttp(next, context, redirects + 1));
          return;
        }
        let body = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => {
          if (body.length < LARGEST_BODY) body = (body + chunk).slice(0, LARGEST_BODY);
        });
        answer.on('end', () => resolve({ status, body }));
        answer.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

/** Kubelet follows redirects on the same host and takes one to another host as success. */
function redirect(prober: HttpProber, location: string | undefined): HttpProber | 'elsewhere' | undefined {
  if (!location) return undefined;
  const base = new URL(`${prober.scheme}://${bracketed(prober.host ?? 'pod.invalid')}:${prober.port}${prober.path}`);
  if (!URL.canParse(location, base)) return undefined;
  const target = new URL(location, base);
  if (target.hostname !== base.hostname) return 'elsewhere';
  const scheme = target.protocol === 'https:' ? 'https' : 'http';
  const port = Number(target.port) || (scheme === 'https' ? 443 : 80);
  return { ...prober, scheme, port, path: target.pathname + target.search };
}

function probeTcp(prober: Extract<Prober, { kind: 'tcp' }>, context: ProbeContext): Promise<ProbeResult> {
  const host = prober.host ?? context.address;
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port: prober.port, localAddress: sourceFor(host, context) });
    socket.setTimeout(prober.timeout, () => socket.destroy(new Error(`no connection in ${prober.timeout} ms`)));
    socket.on('error', reject);
    socket.on('connect', () => {
      socket.destroy();
      resolve({ status: 200, body: '' });
    });
  });
}

/** The source only fits destinations of its own family on this machine. */
export function sourceFor(host: string, context: ProbeContext): string | undefined {
  const { source, address } = context;
  return source && host === address && net.isIP(source) === net.isIP(host) ? source : undefined;
}

function bracketed(host: string): string {
  return net.isIPv6(host) ? `[${host}]` : host;
}
