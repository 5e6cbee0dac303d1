// From the graph to what a client has: sharing between classes, changes of class and scope, and what is left afterwards.
import { beforeEach, expect, test } from 'vitest';
import { type Encoded, encoded, type ResourceType, sameEncoded, scopedNameId, TYPE_URL } from '../envoy/resource.ts';
import { Graph, type Input } from '../graph/graph.ts';
import { ManualClock } from '../lib/clock.ts';
import type { Proxy as Client } from '../model/proxy.ts';
import { NamePool } from '../xds/names.ts';
import { Stream } from '../xds/stream.ts';
import { messageOf, readResponse, writeRequest } from '../xds/testing.ts';
import { createFeeds, type Feeds } from './feeds.ts';

const { cluster: CDS, endpoints: EDS } = TYPE_URL;

let graph: Graph;
let clock: ManualClock;
let services: Input<string>;
let feeds: Feeds;
let computed: string[];
let unanswered: string[];

/**
 * Clusters: one part that namespaces see alike unless they are private, one for each app (its class). Endpoints by name only.
 * A proxy's class is `namespace/app`.
 */
beforeEach(() => {
  graph = new Graph({ audit: false });
  clock = new ManualClock();
  computed = [];
  services = graph.input<string>('services');
  const apps = graph.input<string>('apps');
  const proxies = graph.input<Client>('proxies');
  const all = graph.index(services, 'all', () => ['']);
  const classOf = graph.derived('classOf', (key: string, read) => {
    const proxy = read(proxies, key);
    return proxy && `${proxy.namespace}/${read(apps, proxy.instance) ?? 'none'}`;
  });
  const outboundScope = graph.derived('outboundScope', (id: string) => (id.startsWith('private') ? 'private' : ''));
  const ownScope = graph.derived('ownScope', (id: string) => id);
  const resource = (type: string) =>
    graph.derived(
      type,
      ({ scope, name }: { scope: string; name: string }, read): Encoded | undefined => {
        computed.push(`${type} ${scope} ${name}`);
        const text = read(services, name);
        return text === undefined ? undefined : encoded(name, Buffer.from(`${name}=${text}`));
      },
      { id: scopedNameId, equal: sameEncoded },
    );
  const types: ResourceType[] = [
    {
      typeUrl: CDS,
      wildcard: true,
      parts: [
        {
          name: 'outbound',
          scope: outboundScope,
          list: graph.derived('list', (_: string, read) => read(all, '')),
          get: resource('cluster'),
        },
        {
          name: 'own',
          scope: ownScope,
          list: graph.derived('ownList', (scope: string) => [`own|${scope}`]),
          get: graph.derived(
            'own',
            ({ name }: { scope: string; name: string }) => encoded(name, Buffer.from(`${name}=`)),
            {
              id: scopedNameId,
            },
          ),
        },
      ],
    },
    { typeUrl: EDS, wildcard: false, parts: [{ name: 'endpoints', scope: outboundScope, get: resource('endpoints') }] },
  ];
  unanswered = [];
  feeds = createFeeds({
    graph,
    types,
    classes: { proxies, classOf },
    clock,
    linger: 1000,
    unanswered: {
      typeUrl: EDS,
      tell: ({ scope, name }, missing) => unanswered.push(`${scope}/${name} ${missing ? 'missing' : 'there'}`),
    },
  });
  apps.set('pod-0', 'web');
  appsOf = apps;
  for (const name of ['a', 'b', 'c']) services.set(name, '1');
});

let appsOf: Input<string>;
const pool = new NamePool();

class Proxied {
  readonly stream: Stream;
  readonly session;
  told = 0;
  readonly has = new Map<string, string>();

  constructor(instance: string, namespace = 'n') {
    this.session = feeds.open({ id: `sidecar~${instance}`, instance, namespace } as Client, () => this.told++);
    this.stream = new Stream({ protocol: 'delta', session: this.session, pool, bodies: feeds.bodies });
  }
  ask(typeUrl: string, names: readonly string[] = []): string[] {
    this.stream.receive(writeRequest({ protocol: 'delta', typeUrl, names }), clock.now());
    return this.pump();
  }
  /** Takes and acknowledges everything; gives what came. */
  pump(): string[] {
    const got: string[] = [];
    for (let out = this.stream.next(0); out; out = this.stream.next(0)) {
      const response = readResponse('delta', messageOf(out.plan.body));
      this.stream.sent(out, 0);
      got.push(...response.resources.map(({ name }) => name), ...response.removed.map((name) => `-${name}`));
      const { typeUrl, nonce } = response;
      this.stream.receive(writeRequest({ protocol: 'delta', typeUrl, nonce }), 0);
    }
    return got;
  }
  close(): void {
    this.stream.close();
    this.session[Symbol.dispose]();
  }
}

test('classes with equal scopes share resources; only what is asked by name is computed', () => {
  const [one, two] = [new Proxied('pod-0'), new Proxied('pod-1')];
  expect(one.ask(CDS)).toEqual(['a', 'b', 'c', 'own|n/web']);
  expect(two.ask(CDS)).toEqual(['a', 'b', 'c', 'own|n/none']);
  expect(one.ask(EDS, ['b'])).toEqual(['b']);
  expect(computed).toEqual(['cluster  a', 'cluster  b', 'cluster  c', 'endpoints  b']);
  expect(feeds.counts()).toEqual({ sessions: 2, classes: 2, typeFeeds: 3, partFeeds: 4 });
});

test('what is asked for by name and not there is told, until it comes or nobody asks', () => {
  const proxy = new Proxied('pod-0');
  proxy.ask(CDS);
  expect(unanswered).toEqual([]);
  proxy.ask(EDS, ['a', 'later', 'never']);
  expect(unanswered.splice(0)).toEqual(['/a there', '/later missing', '/never missing']);
  services.set('later', '1');
  graph.flush();
  expect(unanswered.splice(0)).toEqual(['/later there']);
  proxy.close();
  clock.advance(2000);
  expect(unanswered.splice(0).sort()).toEqual(['/a there', '/later there', '/never there']);
});

test('a change reaches those whom it concerns, once, and computes once', () => {
  const [one, two, apart] = [new Proxied('pod-0'), new Proxied('pod-1'), new Proxied('pod-2', 'private')];
  one.ask(CDS);
  two.ask(CDS);
  apart.ask(EDS, ['c']);
  computed = [];
  graph.batch(() => {
    services.set('a', '2');
    services.set('b', '2');
    services.delete('c');
  });
  expect(computed.sort()).toEqual(['cluster  a', 'cluster  b', 'cluster  c', 'endpoints private c']);
  expect([one.told, two.told, apart.told]).toEqual([1, 1, 1]);
  expect([one.pump(), two.pump()]).toEqual([
    ['a', 'b', '-c'],
    ['a', 'b', '-c'],
  ]);
  services.set('a', '2');
  expect([one.told, one.pump()]).toEqual([1, []]);
});

test('a changed class sends only what differs', () => {
  const one = new Proxied('pod-0');
  one.ask(CDS);
  appsOf.set('pod-0', 'db');
  expect(one.told).toBe(1);
  expect(one.pump()).toEqual(['own|n/db', '-own|n/web']);
});

test('a class that moves while its old feed has news misses nothing', () => {
  const one = new Proxied('pod-0');
  one.ask(CDS);
  services.set('a', '2');
  graph.batch(() => {
    appsOf.set('pod-0', 'db');
    services.set('b', '2');
  });
  expect(one.pump().sort()).toEqual(['-own|n/web', 'a', 'b', 'own|n/db']);
});

test('names wanted later are there at once, and a change made while nobody wanted them is not missed', () => {
  const one = new Proxied('pod-0');
  expect(one.ask(EDS, ['a'])).toEqual(['a']);
  one.close();
  clock.advance(2000);
  services.set('a', '2');
  const two = new Proxied('pod-1');
  two.ask(EDS, ['b']);
  expect(two.ask(EDS, ['a'])).toEqual(['a']);
  services.set('a', '3');
  services.set('b', '3');
  expect(two.pump()).toEqual(['a', 'b']);
});

test('a reconnect finds everything computed; after a while without clients nothing is left', () => {
  const one = new Proxied('pod-0');
  one.ask(CDS);
  one.ask(EDS, ['a', 'b']);
  one.close();
  computed = [];
  const again = new Proxied('pod-0');
  again.ask(CDS);
  again.ask(EDS, ['a', 'b']);
  expect(computed).toEqual([]);
  again.close();
  clock.advance(10_000);
  clock.advance(10_000);
  graph.flush();
  expect(feeds.counts()).toEqual({ sessions: 0, classes: 0, typeFeeds: 0, partFeeds: 0 });
  expect(graph.stats().filter(({ live }) => live > 0)).toEqual([]);
});

test('two connections with one node id do not disturb each other', () => {
  const [one, two] = [new Proxied('pod-0'), new Proxied('pod-0')];
  one.ask(CDS);
  two.ask(CDS);
  one.close();
  services.set('a', '2');
  expect(two.pump()).toEqual(['a']);
});

test('disposing the feeds leaves nothing behind', () => {
  const one = new Proxied('pod-0');
  one.ask(CDS);
  one.ask(EDS, ['a']);
  feeds[Symbol.dispose]();
  expect(clock.pending).toBe(0);
  expect(graph.stats().filter(({ live }) => live > 0)).toEqual([]);
});
