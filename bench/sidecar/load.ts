// A bounded number of requests at a steady rate over kept connections: `node bench/sidecar/load.ts '<LoadSpec>'`, prints one line of JSON.
import { Agent, request } from 'node:http';

export interface LoadSpec {
  readonly address: string;
  readonly port: number;
  readonly host: string;
  readonly requests: number;
  /** Requests a second. */
  readonly rate: number;
  readonly connections: number;
  /** Part of the caller's identity that the server must have seen. */
  readonly caller: string;
}

export interface LoadReport {
  /** Milliseconds from sending a request to the end of its answer. */
  readonly latencies: readonly number[];
  /** Requests without an answer of 200, and why the last of them failed. */
  readonly failures: number;
  readonly reason: string;
}

const spec = JSON.parse(process.argv[2]!) as LoadSpec;
const { address, port, host, requests, rate, connections, caller } = spec;
const agent = new Agent({ keepAlive: true, maxSockets: connections });
const latencies: number[] = [];
let failures = 0;
let reason = '';

function one(): Promise<void> {
  const begun = performance.now();
  return new Promise((resolve) => {
    const failed = (why: string): void => {
      failures++;
      reason = why;
      resolve();
    };
    const sent = request({ agent, host: address, port, path: '/', headers: { host }, timeout: 5_000 }, (response) => {
      response.resume();
      response.on('end', () => {
        if (response.statusCode !== 200) return failed(`status ${response.statusCode}`);
        const seen = String(response.headers['x-caller']);
        if (!seen.includes(caller)) return failed(`the caller is ${seen}, not ${caller}`);
        latencies.push(performance.now() - begun);
        resolve();
      });
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer within 5 s')));
    sent.on('error', (error) => failed(error.message));
    sent.end();
  });
}

const begun = performance.now();
const all: Promise<void>[] = [];
for (let i = 0; i < requests; i++) {
  const wait = begun + (i * 1000) / rate - performance.now();
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  all.push(one());
}
await Promise.all(all);
agent.destroy();
process.stdout.write(`${JSON.stringify({ latencies, failures, reason } satisfies LoadReport)}\n`);
