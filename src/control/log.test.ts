import { expect, test } from 'vitest';
import { createLogs, parseLevels } from './log.ts';

const now = () => Date.UTC(2026, 0, 2);

function lines(options: { json?: boolean; levels?: string }) {
  const written: string[] = [];
  return { written, logs: createLogs({ ...options, now, write: (line) => written.push(line) }) };
}

test('text is one line a message, whatever the message holds', () => {
  const { written, logs } = lines({});
  logs.scope('ads').info('a\nb', { cluster: 'c1', reason: 'two words' });
  expect(written).toEqual(['2026-01-02T00:00:00.000Z\tinfo\tads\ta b\tcluster=c1\treason="two words"\n']);
});

test('JSON carries scope, level and fields', () => {
  const { written, logs } = lines({ json: true });
  logs.scope('ca').error('failed', { error: new Error('why') });
  expect(JSON.parse(written[0]!)).toEqual({
    level: 'error',
    time: '2026-01-02T00:00:00.000Z',
    scope: 'ca',
    error: 'why',
    msg: 'failed',
  });
});

test('levels change at run time, one scope or all', () => {
  const { written, logs } = lines({ levels: 'default:warn,ads:debug' });
  const [ads, other] = [logs.scope('ads'), logs.scope('other')];
  ads.debug('1');
  other.info('not this');
  logs.setLevel('other', 'info');
  other.info('2');
  logs.setLevel('all', 'none');
  ads.error('nor this');
  expect(written.map((line) => line.trim().split('\t').at(-1))).toEqual(['1', '2']);
  expect(logs.levels()).toEqual({ default: 'none', ads: 'none', other: 'none' });
});

test('refuses levels that do not exist', () => {
  expect(() => parseLevels('ads:loud')).toThrow(RangeError);
  expect(parseLevels('warn')).toEqual([['default', 'warn']]);
});
