// Single steps of the protocol that random histories do not single out, in both protocols.
import { beforeEach, describe, expect, test } from 'vitest';
import { TYPE_URL } from '../envoy/resource.ts';
import type { Protocol } from './body.ts';
import { NamePool } from './names.ts';
import { GATE_LIMIT_MS, OVERDUE_MS, Stream } from './stream.ts';
import { HandSource, messageOf, type ReadResponse, readResponse, writeRequest } from './testing.ts';

const { cluster: CDS, endpoints: EDS, listener: LDS, route: RDS, secret: SDS } = TYPE_URL;

let source: HandSource;
let stream: Stream;
let protocol: Protocol;
let now: number;

function open(which: Protocol): void {
  protocol = which;
  stream = new Stream({ protocol, session: source, pool: new NamePool(), bodies: source.bodies });
}

type Ask = Omit<Parameters<typeof writeRequest>[0], 'protocol' | 'typeUrl'>;

/** Sends a request and gives what comes back. */
function ask(typeUrl: string, request: Ask = {}): ReadResponse[] {
  stream.receive(writeRequest({ protocol, typeUrl, ...request }), now);
  return pump();
}

function pump(): ReadResponse[] {
  const got: ReadResponse[] = [];
  for (let out = stream.next(now); out; out = stream.next(now)) {
    got.push(readResponse(protocol, messageOf(out.plan.body)));
    stream.sent(out, now);
  }
  return got;
}

const names = (responses: readonly ReadResponse[]): string[] =>
  responses.flatMap(({ resources, removed }) => [
    ...resources.map(({ name }) => name),
    ...removed.map((name) => `-${name}`),
  ]);

beforeEach(() => {
  now = 0;
  source = new HandSource();
  source.write({
    [CDS]: { a: 'a=1', b: 'b=1' },
    [EDS]: { a: 'a=1', b: 'b=1' },
    [LDS]: { l: 'l=r' },
    [RDS]: { r: 'r=1' },
  });
});

test.each(['delta', 'sotw'] as const)('%s: a client whose class changed moves with all its types at once', (which) => {
  open(which);
  for (const typeUrl of [CDS, LDS]) {
    const [first] = ask(typeUrl);
    ask(typeUrl, { nonce: first!.nonce });
  }
  source.replaceFeeds();
  source.write({ [CDS]: { a: 'a=2' }, [LDS]: { l: 'l=r2' } });
  const moved = pump();
  expect(moved.map(({ typeUrl }) => typeUrl)).toEqual([CDS]);
  expect(names(ask(CDS, { nonce: moved[0]!.nonce }))).toContain('l');
});

describe('delta', () => {
  beforeEach(() => open('delta'));

  test('an empty first request means all; an empty mesh is answered too, so that the client goes on', () => {
    expect(names(ask(CDS))).toEqual(['a', 'b']);
    source = new HandSource();
    open('delta');
    expect(ask(CDS)).toHaveLength(1);
  });

  test('wildcard and names side by side; leaving the wildcard keeps the names', () => {
    const [first] = ask(CDS, { names: ['*', 'b'] });
    expect(names([first!])).toEqual(['a', 'b']);
    expect(ask(CDS, { nonce: first!.nonce })).toEqual([]);
    ask(CDS, { unsubscribe: ['*'] });
    source.write({ [CDS]: { a: 'a=2', b: 'b=2' } });
    expect(names(pump())).toEqual(['b']);
  });

  test('a name left while the wildcard goes on is sent once more, so that the client knows whose it is', () => {
    const [first] = ask(CDS, { names: ['*', 'a'] });
    ask(CDS, { nonce: first!.nonce });
    expect(names(ask(CDS, { unsubscribe: ['a'] }))).toEqual(['a']);
  });

  test('a name that does not exist is answered by its removal; endpoints by none', () => {
    expect(names(ask(SDS, { names: ['cert'] }))).toEqual(['-cert']);
    expect(names(ask(EDS, { names: ['nowhere'] }))).toEqual(['nowhere']);
  });

  test('a subscription counts although its nonce is stale, an answer does not', () => {
    const [first] = ask(EDS, { names: ['a'] });
    expect(ask(EDS, { names: ['b'], nonce: 'stale' })).toEqual([]);
    expect(stream.status()[0]!.acked).toBeUndefined();
    expect(names(ask(EDS, { nonce: first!.nonce }))).toEqual(['b']);
  });

  test('subscribing again gets the resource again', () => {
    const [first] = ask(EDS, { names: ['a'] });
    ask(EDS, { nonce: first!.nonce });
    expect(names(ask(EDS, { names: ['a'] }))).toEqual(['a']);
  });

  test('a client that comes back gets what differs and hears what is gone', () => {
    const initialVersions = new Map([
      ['a', 'v:a=1'],
      ['b', 'v:old'],
      ['gone', 'v:x'],
    ]);
    expect(names(ask(CDS, { initialVersions }))).toEqual(['b', '-gone'].sort((x) => (x === 'b' ? -1 : 1)));
    open('delta');
    expect(
      ask(CDS, {
        initialVersions: new Map([
          ['a', 'v:a=1'],
          ['b', 'v:b=1'],
        ]),
      }),
    ).toEqual([]);
    expect(stream.status()[0]!.synced).toBe(true);
  });

  test('changes that pile up behind an unanswered response become one', () => {
    const [first] = ask(CDS);
    for (let i = 2; i < 9; i++) source.write({ [CDS]: { a: `a=${i}` } });
    source.write({ [CDS]: { b: undefined } });
    expect(pump()).toEqual([]);
    const [second] = ask(CDS, { nonce: first!.nonce });
    expect(second!.resources.map(({ text }) => text)).toEqual(['a=8']);
    expect(second!.removed).toEqual(['b']);
    expect(second!.nonce).not.toBe(first!.nonce);
  });

  test('a rejection is shown with its error until the resource is accepted', () => {
    const [first] = ask(LDS);
    ask(LDS, { nonce: first!.nonce, error: { code: 13, message: 'l: no good' } });
    expect(stream.status()[0]).toMatchObject({
      synced: false,
      nacked: { error: { message: 'l: no good' }, names: ['l'] },
    });
    expect(pump()).toEqual([]);
    source.write({ [LDS]: { l: 'l=better' } });
    const [second] = pump();
    ask(LDS, { nonce: second!.nonce });
    expect(stream.status()[0]).toMatchObject({ synced: true, nacked: undefined });
  });

  test('the bad resource of a rejected response is found by halves; the others arrive', () => {
    const all = Array.from({ length: 8 }, (_, i) => `c${i}`);
    source.write({ [EDS]: Object.fromEntries(all.map((name) => [name, `${name}=${name === 'c5' ? 'bad' : 'good'}`])) });
    const has = new Set<string>();
    let rounds = 0;
    for (let got = ask(EDS, { names: all }); got.length > 0; rounds++) {
      const [response] = got;
      const bad = response!.resources.some(({ text }) => text.includes('bad'));
      if (!bad) for (const { name } of response!.resources) has.add(name);
      got = ask(EDS, { nonce: response!.nonce, ...(bad && { error: { code: 13, message: 'no' } }) });
    }
    expect([...has].sort()).toEqual(all.filter((name) => name !== 'c5'));
    expect(rounds).toBeLessThanOrEqual(7);
    expect(stream.status()[0]!.nacked?.names).toEqual(['c5']);
  });

  test('listeners wait for clusters, but not for ever', () => {
    const [clusters] = ask(CDS);
    const [listeners] = ask(LDS);
    ask(LDS, { nonce: listeners!.nonce });
    ask(CDS, { nonce: clusters!.nonce });
    source.write({ [CDS]: { c: 'c=1' }, [LDS]: { l: 'l=c' } });
    expect(names(pump())).toEqual(['c']);
    expect([pump(), stream.blocked]).toEqual([[], true]);
    now += GATE_LIMIT_MS;
    expect(names(pump())).toEqual(['l']);
  });

  test('clusters that never get warm do not keep newer ones away', () => {
    ask(CDS);
    source.write({ [CDS]: { c: 'c=1' } });
    now += OVERDUE_MS - 1;
    expect(pump()).toEqual([]);
    now += 1;
    expect(names(pump())).toEqual(['c']);
  });

  test('types that nobody makes are answered: nothing there', () => {
    const got = ask('type.googleapis.com/envoy.service.runtime.v3.Runtime', { names: ['rtds'] });
    expect(names(got)).toEqual(['-rtds']);
  });

  test('interest in names ends with the stream', () => {
    ask(EDS, { names: ['a'] });
    expect(source.feed(EDS)!.wants).toBe(1);
    stream.close();
    expect(source.feed(EDS)!.wants).toBe(0);
  });
});

describe('state of the world', () => {
  beforeEach(() => open('sotw'));

  test('clusters come whole at every change; endpoints only what changed', () => {
    const [clusters] = ask(CDS);
    expect(names([clusters!])).toEqual(['a', 'b']);
    ask(CDS, { nonce: clusters!.nonce });
    const [endpoints] = ask(EDS, { names: ['a', 'b'] });
    expect(names(ask(EDS, { nonce: endpoints!.nonce, names: ['a', 'b'] }))).toEqual([]);
    source.write({ [CDS]: { a: undefined, c: 'c=1' }, [EDS]: { b: 'b=2' } });
    const [changed, moved] = pump();
    expect([names([changed!]), names([moved!])]).toEqual([['b', 'c'], ['b']]);
  });

  test('new names are sent without the old ones; a stale nonce says nothing', () => {
    const [first] = ask(EDS, { names: ['a'] });
    expect(ask(EDS, { nonce: 'stale', names: ['a', 'b'] })).toEqual([]);
    expect(names(ask(EDS, { nonce: first!.nonce, names: ['a', 'b'] }))).toEqual(['b']);
  });

  test('no names mean all at first, and nothing once there were names', () => {
    const [first] = ask(LDS, { names: ['l'] });
    expect(names([first!])).toEqual(['l']);
    const [second] = ask(LDS, { nonce: first!.nonce });
    expect(names([second!])).toEqual([]);
    source.write({ [LDS]: { l: 'l=2' } });
    expect(ask(LDS, { nonce: second!.nonce })).toEqual([]);
  });

  test('a cluster that changed gets its endpoints again', () => {
    const [clusters] = ask(CDS);
    ask(CDS, { nonce: clusters!.nonce });
    const [endpoints] = ask(EDS, { names: ['a', 'b'] });
    ask(EDS, { nonce: endpoints!.nonce, names: ['a', 'b'] });
    source.write({ [CDS]: { a: 'a=2' } });
    expect(pump().map((response) => [response.typeUrl, names([response])])).toEqual([
      [CDS, ['a', 'b']],
      [EDS, ['a']],
    ]);
  });
});
