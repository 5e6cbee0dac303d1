import { describe, expect, test } from 'vitest';
import { addressAt, contains, formatCidr, overlaps, parseAddress, parseCidr, subrange } from './cidr.ts';

describe('parseCidr', () => {
  test.each(['0.0.0.0/0', '10.0.0.0/8', '172.30.26.128/27', '255.255.255.255/32'])('%s keeps its form', (text) => {
    expect(formatCidr(parseCidr(text))).toBe(text);
  });
  test.each(['10.0.0.0', '10.0.0/8', '10.0.0.256/32', '10.0.0.0/33', '10.0.0.1/8', 'fd00::/8', ''])(
    '%j is refused',
    (text) => {
      expect(() => parseCidr(text)).toThrow(/is not an IPv4|address bits/);
    },
  );
});

test('parts of a range', () => {
  const range = parseCidr('10.168.0.0/14');
  expect([0, 1, 2, 3].map((i) => formatCidr(subrange(range, 16, i)))).toEqual([
    '10.168.0.0/16',
    '10.169.0.0/16',
    '10.170.0.0/16',
    '10.171.0.0/16',
  ]);
  expect(() => subrange(range, 16, 4)).toThrow('no part number 4');
  expect(() => subrange(range, 13, 0)).toThrow('no part');
});

test('addresses of a range', () => {
  const range = parseCidr('192.168.255.0/24');
  expect(addressAt(range, 255)).toBe('192.168.255.255');
  expect(() => addressAt(range, 256)).toThrow('no address number 256');
  expect(contains(range, parseAddress('192.168.255.7'))).toBe(true);
  expect(contains(range, parseAddress('192.169.0.0'))).toBe(false);
});

test.each([
  ['10.0.0.0/8', '10.200.0.0/14', true],
  ['10.200.0.0/14', '10.0.0.0/8', true],
  ['10.0.0.0/9', '10.128.0.0/9', false],
])('%s and %s overlap: %s', (a, b, expected) => {
  expect(overlaps(parseCidr(a), parseCidr(b))).toBe(expected);
});
