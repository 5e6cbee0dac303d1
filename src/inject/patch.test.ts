import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from './json.ts';
import { sameJson } from './json.ts';
import { applyPatch, diffJson } from './patch.ts';

describe('JSON patch', () => {
  it('adds inside and at the ends of lists', () => {
    expect(diffJson({ list: [1, 2] }, { list: [1, 2, 3] })).toEqual([{ op: 'add', path: '/list/2', value: 3 }]);
    expect(diffJson({ list: [1, 2] }, { list: [0, 1, 2] })).toEqual([{ op: 'add', path: '/list/0', value: 0 }]);
    expect(diffJson({ list: [1, 2, 3] }, { list: [1, 3] })).toEqual([{ op: 'remove', path: '/list/1' }]);
  });

  it('escapes slashes and tildes', () => {
    expect(diffJson({}, { 'a/b~c': 1 })).toEqual([{ op: 'add', path: '/a~1b~0c', value: 1 }]);
  });

  it('has nothing to say about equal documents', () => {
    expect(diffJson({ a: [{ b: 1 }] }, { a: [{ b: 1 }] })).toEqual([]);
  });

  it('refuses places that are not there', () => {
    expect(() => applyPatch({ a: 1 }, [{ op: 'remove', path: '/b' }])).toThrow(RangeError);
    expect(() => applyPatch({ a: [] }, [{ op: 'add', path: '/a/1', value: 1 }])).toThrow(RangeError);
    expect(() => applyPatch({ a: 1 }, [{ op: 'add', path: '/a/b', value: 1 }])).toThrow(RangeError);
  });

  it('knows keys that every JavaScript object inherits', () => {
    const to = JSON.parse('{"constructor": 1, "__proto__": {"a": 1}, "toString": "x"}') as JsonValue;
    expect(sameJson({}, to)).toBe(false);
    expect(diffJson({}, to)).toHaveLength(3);
    expect(sameJson(applyPatch({}, diffJson({}, to)), to)).toBe(true);
    expect(applyPatch(to, diffJson(to, {}))).toEqual({});
  });

  it('leads from any document to any other', () => {
    const document = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<JsonValue>;
    fc.assert(
      fc.property(document, document, (from, to) => {
        const result = applyPatch(from, diffJson(from, to));
        return sameJson(result, to);
      }),
    );
  });
});
