// Random histories of a mesh, a client that behaves like Envoy and a network that delays: they must agree in the end, and
// the server must keep its manners on the way.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TYPE_URL } from '../envoy/resource.ts';
import { ModelEnvoy } from './model-envoy.ts';
import { NamePool } from './names.ts';
import { Stream } from './stream.ts';
import { HandSource, messageOf } from './testing.ts';

const { cluster: CDS, endpoints: EDS, listener: LDS, route: RDS, virtualHost: VHDS } = TYPE_URL;

type Action =
  | { readonly do: 'service'; readonly n: number; readonly here: boolean }
  | { readonly do: 'endpoints'; readonly n: number }
  | { readonly do: 'cluster'; readonly n: number }
  | { readonly do: 'listener'; readonly n: number; readonly tables: readonly number[] | undefined }
  | { readonly do: 'table'; readonly n: number }
  | { readonly do: 'bad'; readonly n: number; readonly type: 0 | 1 | 2 }
  | { readonly do: 'class' }
  | { readonly do: 'reconnect' }
  | { readonly do: 'request' }
  | { readonly do: 'deliver' }
  | { readonly do: 'pump' }
  | { readonly do: 'settle' };

const SERVICES = 5;
const TABLES = 3;

const n = fc.nat(SERVICES - 1);
const quiet: fc.Arbitrary<Action>[] = [
  fc.record({ do: fc.constant('service' as const), n, here: fc.boolean() }),
  fc.record({ do: fc.constant('endpoints' as const), n }),
  fc.record({ do: fc.constant('cluster' as const), n }),
  fc.record({
    do: fc.constant('listener' as const),
    n: fc.nat(1),
    tables: fc.option(fc.uniqueArray(fc.nat(TABLES - 1)), { nil: undefined }),
  }),
  fc.record({ do: fc.constant('table' as const), n: fc.nat(TABLES - 1) }),
];
const network: fc.Arbitrary<Action>[] = (
  ['request', 'request', 'deliver', 'deliver', 'pump', 'pump', 'settle'] as const
).map((one) => fc.constant({ do: one }));
const rough: fc.Arbitrary<Action>[] = [
  fc.record({ do: fc.constant('bad' as const), n, type: fc.constantFrom(0 as const, 1 as const, 2 as const) }),
  fc.constant({ do: 'class' as const }),
  fc.constant({ do: 'reconnect' as const }),
];

/** The server's stream, the client, and the two directions of the wire between them. */
class Wire {
  readonly source = new HandSource();
  readonly envoy = new ModelEnvoy();
  readonly pool = new NamePool();
  toServer: Buffer[] = [];
  toClient: Buffer[] = [];
  now = 0;
  /** Makes every text new, so that what is sent again unchanged is told from what changed back. */
  edits = 0;
  stream: Stream;

  constructor() {
    for (let i = 0; i < TABLES; i++) this.source.write({ [RDS]: { [`r${i}`]: `r${i}=;1` } });
    this.source.write({ [LDS]: { l0: 'l0=r0' } });
    this.stream = this.connect();
  }

  connect(): Stream {
    this.stream?.close();
    this.toServer = [];
    this.toClient = [];
    this.envoy.connect();
    const { source, pool } = this;
    return new Stream({ protocol: 'delta', session: source, pool, bodies: source.bodies });
  }

  /** One service: a cluster, its endpoints, and a virtual host in every table. Gone all at once. */
  service(i: number, here: boolean): void {
    this.edits++;
    const hosts: Record<string, string | undefined> = {};
    for (let t = 0; t < TABLES; t++) hosts[`r${t}/s${i}`] = here ? `r${t}/s${i}=c${i};${this.edits}` : undefined;
    this.source.write({
      [CDS]: { [`c${i}`]: here ? `c${i}=;${this.edits}` : undefined },
      [EDS]: { [`c${i}`]: here ? `c${i}=;${this.edits}` : undefined },
      [VHDS]: hosts,
    });
  }

  run(action: Action): void {
    const { source } = this;
    if (action.do === 'service') this.service(action.n, action.here);
    else if (action.do === 'endpoints') this.endpoints(action.n);
    else if (action.do === 'cluster') this.cluster(action.n);
    else if (action.do === 'listener') this.listener(action.n, action.tables);
    else if (action.do === 'table') source.write({ [RDS]: { [`r${action.n}`]: `r${action.n}=;${++this.edits}` } });
    else if (action.do === 'bad') this.bad(action.n, action.type);
    else if (action.do === 'class') source.replaceFeeds();
    else if (action.do === 'reconnect') this.stream = this.connect();
    else if (action.do === 'request') this.request();
    else if (action.do === 'deliver') this.deliver();
    else if (action.do === 'settle') this.settle();
    else this.pump();
  }

  endpoints(i: number): void {
    if (!this.source.feed(EDS)!.get(`c${i}`)) return;
    this.source.write({ [EDS]: { [`c${i}`]: `c${i}=;e${++this.edits}` } });
  }

  cluster(i: number): void {
    if (!this.source.feed(CDS)!.get(`c${i}`)) return;
    this.source.write({ [CDS]: { [`c${i}`]: `c${i}=;c${++this.edits}` } });
  }

  listener(i: number, tables: readonly number[] | undefined): void {
    const text = tables && `l${i}=${tables.map((t) => `r${t}`).join(',')};${++this.edits}`;
    this.source.write({ [LDS]: { [`l${i}`]: text } });
  }

  bad(i: number, type: 0 | 1 | 2): void {
    if (!this.source.feed(CDS)!.get(`c${i}`)) return;
    if (type === 0) this.source.write({ [EDS]: { [`c${i}`]: `c${i}=;bad` } });
    if (type === 1) this.source.write({ [VHDS]: { [`r0/s${i}`]: `r0/s${i}=c${i};bad` } });
    if (type === 2) this.source.write({ [RDS]: { r1: 'r1=;bad' } });
  }

  request(): void {
    const message = this.envoy.outbox.shift() ?? this.toServer.shift();
    if (message) this.stream.receive(message, ++this.now);
  }

  deliver(): void {
    const message = this.toClient.shift();
    if (!message) return;
    this.envoy.receive(message);
    if (!this.envoy.lenient) expect(this.envoy.dangling()).toEqual([]);
  }

  pump(): void {
    for (let out = this.stream.next(this.now); out; out = this.stream.next(this.now)) {
      this.toClient.push(messageOf(out.plan.body));
      this.stream.sent(out, this.now);
    }
  }

  settle(): void {
    for (let round = 0; round < 400; round++) {
      while (this.envoy.outbox.length > 0) this.request();
      this.pump();
      if (this.toClient.length === 0 && this.envoy.outbox.length === 0) {
        if (!this.stream.blocked && !this.stream.oldestUnanswered()) return;
        if (round > 300) return;
        this.now += 1000;
      }
      while (this.toClient.length > 0) this.deliver();
    }
    throw new Error('server and client do not come to rest');
  }

  /** What the client should have: all clusters and listeners, what it asked for of the rest. */
  expected(typeUrl: string): Record<string, string> {
    const feed = this.source.feed(typeUrl)!;
    const state = this.envoy.type(typeUrl);
    const wanted: Record<string, string> = {};
    for (const name of feed.store.names()) {
      const table = name.slice(0, name.lastIndexOf('/'));
      const wants = typeUrl === CDS || typeUrl === LDS || (typeUrl === VHDS && this.envoy.ready(table));
      if (wants || (typeUrl !== VHDS && state.names.has(name))) wanted[name] = feed.get(name)!.version;
    }
    if (typeUrl === EDS) for (const name of state.names) wanted[name] ??= 'none';
    return wanted;
  }
}

function check(actions: readonly Action[]): void {
  const wire = new Wire();
  for (const action of actions) wire.run(action);
  wire.settle();
  for (const typeUrl of [CDS, EDS, LDS, RDS, VHDS]) {
    const state = wire.envoy.type(typeUrl);
    if (!state.started) continue;
    const expected = wire.expected(typeUrl);
    const got: Record<string, string> = {};
    for (const [name, { version }] of state.has) got[name] = version;
    // Rejected ones stay as they were; all others agree.
    for (const [name, version] of Object.entries(expected)) {
      if (!version.includes('bad')) continue;
      delete expected[name];
      delete got[name];
    }
    expect([typeUrl, got]).toEqual([typeUrl, expected]);
  }
  expect(wire.envoy.complaints).toEqual([]);
  const shown = wire.stream.status();
  const isBad = (typeUrl: string) => Object.values(wire.expected(typeUrl)).some((version) => version.includes('bad'));
  for (const { typeUrl, nacked } of shown) expect([typeUrl, nacked !== undefined]).toEqual([typeUrl, isBad(typeUrl)]);
  if (!shown.some(({ typeUrl }) => isBad(typeUrl))) expect(shown.filter(({ synced }) => !synced)).toEqual([]);
  const sent = wire.envoy.resources;
  wire.source.write({});
  wire.settle();
  expect(wire.envoy.resources).toBe(sent);
}

test('without trouble: client and mesh agree, no route ever names a missing cluster, nothing is sent twice', () => {
  fc.assert(fc.property(fc.array(fc.oneof(...quiet, ...network), { maxLength: 60 }), check), { numRuns: 300 });
});

test('with rejections, reconnects and changes of class: all that is good arrives, what is bad stays visible', () => {
  fc.assert(fc.property(fc.array(fc.oneof(...quiet, ...network, ...rough), { maxLength: 60 }), check), {
    numRuns: 300,
  });
});
