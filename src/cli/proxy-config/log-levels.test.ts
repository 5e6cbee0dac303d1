import { expect, test } from 'vitest';
import { logLevels, logRequests } from './log-levels.ts';

test.each([
  ['debug', ['/logging?level=debug']],
  ['warn', ['/logging?level=warning']],
  ['none', ['/logging?level=off']],
  ['http:debug,router:info', ['/logging?paths=http:debug,router:info']],
  ['http:trace,error', ['/logging?level=error', '/logging?paths=http:trace']],
])('--level %s', (text, expected) => {
  expect(logRequests(text)).toEqual(expected);
});

test.each(['loud', 'http:', ':debug', 'a b:debug', ''])('--level "%s" is refused with the levels there are', (text) => {
  expect(() => logRequests(text)).toThrow(/--level .*debug.*critical/);
});

test('reads what Envoy answers', () => {
  expect(logLevels('active loggers:\n  admin: warning\n  http2: debug\n\n')).toEqual({
    admin: 'warning',
    http2: 'debug',
  });
});
