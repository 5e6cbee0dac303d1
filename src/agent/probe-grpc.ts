// A gRPC health check (grpc.health.v1.Health/Check) over node:http2: two tiny messages need no gRPC library.
import http2 from 'node:http2';
import net from 'node:net';
import { type ProbeContext, type ProbeResult, sourceFor } from './probe.ts';
import type { Prober } from './probers.ts';

const SERVING = 1;
const STATUS_NAMES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const LARGEST_ANSWER = 4096;

/** 200 when the service says SERVING, 500 with its words otherwise. Rejects when the app cannot be asked. */
export function probeGrpc(prober: Extract<Prober, { kind: 'grpc' }>, context: ProbeContext): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const host = context.address;
    const session = http2.connect(`http://${net.isIPv6(host) ? `[${host}]` : host}:${prober.port}`, {
      createConnection: () => net.connect({ host, port: prober.port, localAddress: sourceFor(host, context) }),
    });
    const timer = setTimeout(() => fail(new Error(`no answer in ${prober.timeout} ms`)), prober.timeout);
    const fail = (error: Error) => {
      clearTimeout(timer);
      session.destroy();
      reject(error);
    };
    const finish = (result: ProbeResult) => {
      clearTimeout(timer);
      session.destroy();
      resolve(result);
    };
    session.on('error', fail);

    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let trailers: http2.IncomingHttpHeaders = {};
    let body = Buffer.alloc(0);
    // An error without a message comes as headers alone.
    stream.on('response', (headers) => {
      trailers = { ...headers };
    });
    stream.on('trailers', (headers) => {
      trailers = { ...trailers, ...headers };
    });
    stream.on('data', (chunk: Buffer) => {
      if (body.length < LARGEST_ANSWER) body = Buffer.concat([body, chunk]);
    });
    stream.on('error', fail);
    stream.on('end', () => {
      const code = String(trailers['grpc-status'] ?? '');
      const serving = servingStatus(body);
      if (code === '0' && serving === SERVING) finish({ status: 200, body: '' });
      else if (code === '0')
        finish({ status: 500, body: `gRPC health status is ${STATUS_NAMES[serving] ?? serving}\n` });
      else
        finish({
          status: 500,
          body: `gRPC health check failed: status ${code || 'absent'} ${trailers['grpc-message'] ?? ''}\n`,
        });
    });
    stream.end(healthCheckRequest(prober.service));
  });
}

/** HealthCheckRequest{service = 1} behind gRPC's 5-byte frame header. */
function healthCheckRequest(service: string): Buffer {
  const name = Buffer.from(service).subarray(0, 127);
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

/** HealthCheckResponse{status = 1}: an enum below 128, so one byte after the tag; absent is UNKNOWN (0). */
function servingStatus(frame: Buffer): number {
  return frame.length >= 7 && frame[5] === 0x08 ? frame[6]! : 0;
}
