import { describe, expect, it } from 'vitest';
import { inferValue, parsePath, parseSetFlag, setPath } from './set-flag.ts';

describe('parseSetFlag', () => {
  it.each([
    ['meshConfig.accessLogFile=/dev/stdout', ['meshConfig', 'accessLogFile'], '/dev/stdout'],
    ['values.global.network=n1', ['values', 'global', 'network'], 'n1'],
    ['spec.hub=h', ['hub'], 'h'],
    // A path outside the spec's fields is a Helm value.
    ['global.proxy.privileged=true', ['values', 'global', 'proxy', 'privileged'], true],
    [
      'components.ingressGateways[0].k8s.replicaCount=3',
      ['components', 'ingressGateways', 0, 'k8s', 'replicaCount'],
      3,
    ],
    ['values.a\\.b/c=1', ['values', 'a.b/c'], 1],
    ['values.a=x=y', ['values', 'a'], 'x=y'],
  ])('%s', (flag, path, value) => {
    expect(parseSetFlag(flag)).toMatchObject({ path, value });
  });

  it.each(['noequals', '=x', 'a..b=1', 'a.=1', 'a[x]=1', 'a[1=2', 'spec=1'])('refuses %s', (flag) => {
    expect(() => parseSetFlag(flag)).toThrow();
  });
});

it('infers YAML types, and only those', () => {
  expect(
    ['true', 'false', 'null', '12', '-3', '1.5', '007', '1e3', 'yes', '12345678901234567890', '{a,2}', '{}', ''].map(
      inferValue,
    ),
  ).toEqual([true, false, null, 12, -3, 1.5, '007', '1e3', 'yes', '12345678901234567890', ['a', 2], [], '']);
});

it('reads nested indexes', () => {
  expect(parsePath('a[0][1].b')).toEqual(['a', 0, 1, 'b']);
});

describe('setPath', () => {
  it('makes maps and list elements on the way and leaves the input alone', () => {
    const before = { a: { b: 1 } };
    expect(setPath(before, ['a', 'list', 0, 'name'], 'x')).toEqual({ a: { b: 1, list: [{ name: 'x' }] } });
    expect(before).toEqual({ a: { b: 1 } });
  });
  it('deletes by undefined and stores null', () => {
    expect(setPath({ a: 1 }, ['a'], null)).toEqual({ a: null });
    expect(setPath({ a: [1, 2], b: 3 }, ['a', 0], undefined)).toEqual({ a: [2], b: 3 });
    expect(setPath({ a: 1, b: 3 }, ['a'], undefined)).toEqual({ b: 3 });
  });
  it('refuses to turn a list into a map or to leave a gap', () => {
    expect(() => setPath({ a: [1] }, ['a', 'b'], 1)).toThrow(/a is a list/);
    expect(() => setPath({ a: [1] }, ['a', 2], 1)).toThrow(/1 elements/);
    expect(() => setPath({ a: { b: 1 } }, ['a', 0], 1)).toThrow(/not a list/);
    expect(() => setPath({ a: 'text' }, ['a', 'b'], 1)).toThrow(/is a value/);
  });
});
