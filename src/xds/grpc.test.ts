// The server on real sockets: services, refusals, oversized requests, clients that do not read, storms and shutdown.
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { type ChannelOptions, type ClientDuplexStream, credentials, Client as GrpcClient, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TYPE_URL } from '../envoy/resource.ts';
import { NodeSchema } from '../gen/envoy/config/core/v3/base_pb.js';
import { type Clock, ManualClock } from '../lib/clock.ts';
import type { Proxy as Client } from '../model/proxy.ts';
import type { Protocol } from './body.ts';
import { Refused } from './connection.ts';
import { createXdsService, type RunningServer, startXdsServer, type XdsService } from './grpc.ts';
import type { Source } from './source.ts';
import { HandSource, type ReadResponse, readResponse, writeRequest } from './testing.ts';

const { cluster: CDS, endpoints: EDS } = TYPE_URL;
const ADS = 'envoy.service.discovery.v3.AggregatedDiscoveryService';

let hand: HandSource;
let service: XdsService;
let server: RunningServer;
let listeners: Set<() => void>;
let clients: TestClient[];
/** Ids of clients that were let go because they do not read. */
let stalled: string[];
let mostInFlight: number;

const source: Source = {
  open(_, changed) {
    listeners.add(changed);
    return {
      generation: 0,
      feed: (typeUrl) => hand.feed(typeUrl),
      [Symbol.dispose]: () => void listeners.delete(changed),
    };
  },
};

async function start(options: { readonly inFlightBudget?: number; readonly clock?: Clock } = {}): Promise<void> {
  service = createXdsService({
    source,
    bodies: hand.bodies,
    ...options,
    authenticate: async (peer, node) => {
      if (node.id === 'stranger') throw new Refused(status.UNAUTHENTICATED, 'who are you?');
      return { id: node.id, metadata: { token: peer.metadata('authorization') } } as unknown as Client;
    },
    debug: {
      handles: (typeUrl) => typeUrl.startsWith('istio.io/'),
      answer: async ({ names }) => names.map((name) => ({ name, typeUrl: 'text', body: Buffer.from(`${name}=seen`) })),
    },
    observer: {
      stalled: (client) => stalled.push(client!.id),
      pushed: () => {
        mostInFlight = Math.max(mostInFlight, service.load().inFlightBytes);
      },
    },
  });
  server = await startXdsServer({ service, address: '127.0.0.1:0' });
}

async function restart(options: Parameters<typeof start>[0]): Promise<void> {
  service[Symbol.dispose]();
  await server.stop(0);
  await start(options);
}

/** Waits until something is so; with a clock, time goes on meanwhile. */
async function until(so: () => boolean, clock?: ManualClock): Promise<void> {
  while (!so()) {
    clock?.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

class TestClient {
  readonly protocol: Protocol;
  readonly responses: ReadResponse[] = [];
  error: { readonly code: number; readonly details: string } | undefined;
  readonly stream: ClientDuplexStream<Buffer, Buffer>;
  readonly #client: GrpcClient;
  #waiting: (() => void)[] = [];

  constructor(path: string, protocol: Protocol = 'delta', options: ChannelOptions = {}) {
    this.protocol = protocol;
    const pass = (message: Buffer): Buffer => message;
    this.#client = new GrpcClient(`127.0.0.1:${server.port}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
      ...options,
    });
    this.stream = this.#client.makeBidiStreamRequest(`/${path}`, pass, pass);
    this.stream.on('error', (error: Error & { code: number; details: string }) => {
      this.error = error;
      this.#wake();
    });
    clients.push(this);
  }
  read(): this {
    this.stream.on('data', (message: Buffer) => {
      this.responses.push(readResponse(this.protocol, message));
      this.#wake();
    });
    return this;
  }
  ask(typeUrl: string, more: Omit<Parameters<typeof writeRequest>[0], 'protocol' | 'typeUrl'> = {}, id = 'node'): this {
    const node = toBinary(NodeSchema, create(NodeSchema, { id }));
    this.stream.write(writeRequest({ protocol: this.protocol, typeUrl, node, ...more }));
    return this;
  }
  /** Waits for the n-th response, or the end of the stream. */
  async got(n: number): Promise<ReadResponse[]> {
    while (this.responses.length < n && !this.error) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.responses;
  }
  async failed() {
    while (!this.error) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.error;
  }
  close(): void {
    this.stream.cancel();
    this.#client.close();
  }
  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

const delta = () => new TestClient(`${ADS}/DeltaAggregatedResources`).read();
const names = (response: ReadResponse | undefined): string[] => response!.resources.map(({ name }) => name);

function write(changes: Parameters<HandSource['write']>[0]): void {
  hand.write(changes);
  for (const changed of [...listeners]) changed();
}

beforeEach(async () => {
  hand = new HandSource();
  listeners = new Set();
  clients = [];
  stalled = [];
  mostInFlight = 0;
  write({ [CDS]: { a: 'a=1', b: 'b=1' }, [EDS]: { a: 'a=1' } });
  await start();
});
afterEach(async () => {
  for (const client of clients) client.close();
  service[Symbol.dispose]();
  await server.stop(0);
});

test('delta: what there is, then what changes; the status shows it', async () => {
  const client = delta().ask(CDS);
  const [first] = await client.got(1);
  expect([names(first), first!.typeUrl]).toEqual([['a', 'b'], CDS]);
  client.ask(CDS, { nonce: first!.nonce });
  write({ [CDS]: { a: 'a=2' } });
  const [, second] = await client.got(2);
  expect(second!.resources).toEqual([{ name: 'a', version: 'v:a=2', text: 'a=2' }]);
  expect(service.connections()).toMatchObject([
    {
      client: { id: 'node', delta: true },
      protocol: 'delta',
      types: [{ typeUrl: CDS, acked: { nonce: first!.nonce }, synced: false }],
    },
  ]);
});

test('state of the world', async () => {
  const client = new TestClient(`${ADS}/StreamAggregatedResources`, 'sotw').read().ask(CDS);
  const [first] = await client.got(1);
  client.ask(CDS, { nonce: first!.nonce });
  write({ [CDS]: { b: undefined } });
  const [, second] = await client.got(2);
  expect([names(first), names(second)]).toEqual([['a', 'b'], ['a']]);
});

test('requests may be compressed', async () => {
  const gzip = { 'grpc.default_compression_algorithm': 2 };
  const client = new TestClient(`${ADS}/DeltaAggregatedResources`, 'delta', gzip).read().ask(CDS);
  const [first] = await client.got(1);
  client.ask(CDS, { nonce: first!.nonce });
  await until(() => service.connections()[0]?.types[0]?.synced === true);
});

test.each(['sotw', 'delta'] as const)(
  'services of one type fill in the type and refuse others: %s',
  async (protocol) => {
    const method = protocol === 'delta' ? 'DeltaEndpoints' : 'StreamEndpoints';
    const path = `envoy.service.endpoint.v3.EndpointDiscoveryService/${method}`;
    const client = new TestClient(path, protocol).read().ask('', { names: ['a'] });
    expect(names((await client.got(1))[0])).toEqual(['a']);
    const wrong = new TestClient(path, protocol).read().ask(CDS);
    expect(await wrong.failed()).toMatchObject({ code: status.INVALID_ARGUMENT });
  },
);

test('strangers, nameless clients and garbage are refused with a reason, and disturb nobody', async () => {
  const good = delta().ask(CDS);
  await good.got(1);
  expect(await delta().ask(CDS, {}, 'stranger').failed()).toMatchObject({
    code: status.UNAUTHENTICATED,
    details: 'who are you?',
  });
  const nameless = delta();
  nameless.stream.write(writeRequest({ protocol: 'delta', typeUrl: CDS }));
  expect(await nameless.failed()).toMatchObject({ code: status.INVALID_ARGUMENT });
  const garbage = delta();
  garbage.stream.write(Buffer.from([0x0a, 0xff, 0xff]));
  expect(await garbage.failed()).toMatchObject({ code: status.INVALID_ARGUMENT });
  const typeless = delta().ask('');
  expect(await typeless.failed()).toMatchObject({ code: status.INVALID_ARGUMENT });
  expect(service.connections()).toHaveLength(1);
});

test('a request of 10 MB is refused, others go on', async () => {
  const good = delta().ask(CDS);
  const [first] = await good.got(1);
  const huge = delta();
  huge.stream.write(Buffer.alloc(10 * 1024 * 1024, 0x0a));
  expect(await huge.failed()).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  good.ask(CDS, { nonce: first!.nonce });
  write({ [CDS]: { a: 'a=2' } });
  expect(names((await good.got(2))[1])).toEqual(['a']);
});

test('debug questions are answered once, their acknowledgements not at all', async () => {
  const client = new TestClient(`${ADS}/StreamAggregatedResources`, 'sotw').read();
  client.ask('istio.io/debug', { names: ['syncz'], nonce: 'not one of ours' });
  const [answer] = await client.got(1);
  expect([answer!.typeUrl, answer!.resources[0]!.text]).toEqual(['istio.io/debug', 'syncz=seen']);
  client.ask('istio.io/debug', { names: ['syncz'], nonce: answer!.nonce }).ask(CDS);
  expect((await client.got(2))[1]!.typeUrl).toBe(CDS);
});

/** 300 kB in a hundred resources. */
function fillUp(): void {
  // A version in these tests is as long as its resource.
  const pad = 'x'.repeat(1500);
  write({ [CDS]: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`c${i}`, `c${i}=${pad}`])) });
}
const ALL = 102;

test('a reconnect storm is served from shared bytes, a few at a time, without a refusal', async () => {
  const budget = 1024 * 1024;
  await restart({ inFlightBudget: budget });
  fillUp();
  const storm = Array.from({ length: 30 }, () => delta().ask(CDS));
  for (const client of storm) expect((await client.got(1))[0]!.resources).toHaveLength(ALL);
  expect(mostInFlight).toBeGreaterThan(300_000);
  expect(mostInFlight).toBeLessThanOrEqual(budget);
  // One set of runs for all of them.
  expect(hand.bodies.blocks.used).toBeLessThan(400_000);
  await until(() => service.load().inFlightBytes === 0);
  expect(service.load()).toMatchObject({ connections: 30, waiting: 0 });
});

interface Deaf {
  readonly id: string;
  readonly session: ClientHttp2Session;
  /** The code with which its stream was ended. */
  reset: number | undefined;
}

/** Asks for clusters and never reads a byte: the flow control window stays shut. */
function deafClient(id: string): Deaf {
  const session = connect(`http://127.0.0.1:${server.port}`, { settings: { initialWindowSize: 65_535 } });
  const headers = {
    ':method': 'POST',
    ':path': `/${ADS}/DeltaAggregatedResources`,
    'content-type': 'application/grpc',
    te: 'trailers',
  };
  const stream = session.request(headers);
  stream.on('error', () => {});
  session.on('error', () => {});
  const client: Deaf = { id, session, reset: undefined };
  stream.on('close', () => {
    client.reset = stream.rstCode;
  });
  const node = toBinary(NodeSchema, create(NodeSchema, { id }));
  const message = writeRequest({ protocol: 'delta', typeUrl: CDS, node });
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.write(Buffer.concat([head, message]));
  return client;
}

test('clients that never read hold one response each and delay nobody for long; the surplus is let go', async () => {
  const clock = new ManualClock();
  // Room for one response at a time, and for two that nobody reads.
  await restart({ inFlightBudget: 400_000, clock });
  fillUp();
  const deaf = Array.from({ length: 5 }, (_, i) => deafClient(`deaf-${i}`));
  await until(() => service.connections().length === 5);
  for (let i = 0; i < 20; i++) write({ [CDS]: { a: `a=${i}` } });
  const eager = delta().ask(CDS);
  await until(() => stalled.length === 3 && eager.responses.length === 1, clock);
  expect(eager.responses[0]!.resources).toHaveLength(ALL);
  // Those who are let go hear why, as far as somebody can who does not read, and leave nothing behind.
  await until(() => deaf.filter(({ reset }) => reset !== undefined).length === 3, clock);
  expect(deaf.filter(({ id }) => stalled.includes(id)).map(({ reset }) => reset)).toEqual(
    Array(3).fill(constants.NGHTTP2_ENHANCE_YOUR_CALM),
  );
  expect(service.load().inFlightBytes).toBeLessThanOrEqual(800_000);
  expect(service.connections()).toHaveLength(3);
  for (const { session } of deaf) session.destroy();
});

test('draining sends clients away with a reason they act on, and refuses new ones', async () => {
  const [one, two] = [delta().ask(CDS), delta().ask(CDS)];
  await Promise.all([one.got(1), two.got(1)]);
  await service.drain(40);
  expect(await one.failed()).toMatchObject({ code: status.UNAVAILABLE });
  expect(await two.failed()).toMatchObject({ code: status.UNAVAILABLE });
  expect(await delta().ask(CDS).failed()).toMatchObject({ code: status.UNAVAILABLE });
  expect(service.load().connections).toBe(0);
});

test('an address that is taken is an error that names it', async () => {
  const address = `127.0.0.1:${server.port}`;
  await expect(startXdsServer({ service, address })).rejects.toThrow(address);
});
