import { describe, expect, it } from 'vitest';
import { strategicMerge } from './merge.ts';

describe('strategic merge', () => {
  it('merges lists by their key and appends what is new', () => {
    const base = { spec: { containers: [{ name: 'a', image: '1', env: [{ name: 'X', value: '1' }] }] } };
    const patch = {
      spec: {
        containers: [
          { name: 'b' },
          {
            name: 'a',
            env: [
              { name: 'Y', value: '2' },
              { name: 'X', value: '3' },
            ],
          },
        ],
      },
    };
    expect(strategicMerge(base, patch)).toEqual({
      spec: {
        containers: [
          {
            name: 'a',
            image: '1',
            env: [
              { name: 'X', value: '3' },
              { name: 'Y', value: '2' },
            ],
          },
          { name: 'b' },
        ],
      },
    });
  });

  it('replaces other lists', () => {
    expect(strategicMerge({ args: ['a', 'b'] }, { args: ['c'] })).toEqual({ args: ['c'] });
  });

  it('removes by null and obeys $patch', () => {
    const base = { labels: { a: '1' }, env: [{ name: 'X' }, { name: 'Y' }], other: 1 };
    expect(
      strategicMerge(base, {
        other: null,
        labels: { $patch: 'replace', b: '2' },
        env: [{ name: 'X', $patch: 'delete' }],
      }),
    ).toEqual({
      labels: { b: '2' },
      env: [{ name: 'Y' }],
    });
    expect(strategicMerge(base, { env: [{ $patch: 'replace' }, { name: 'Z' }] }).env).toEqual([{ name: 'Z' }]);
  });

  it('keeps one of what excludes each other', () => {
    const base = {
      volumes: [{ name: 'v', emptyDir: {} }],
      env: [{ name: 'E', value: '1' }],
      readinessProbe: { httpGet: { port: 1 }, periodSeconds: 5 },
    };
    const patch = {
      volumes: [{ name: 'v', csi: { driver: 'd' } }],
      env: [{ name: 'E', valueFrom: { fieldRef: {} } }],
      readinessProbe: { exec: { command: ['x'] } },
    };
    expect(strategicMerge(base, patch)).toEqual({
      volumes: [{ name: 'v', csi: { driver: 'd' } }],
      env: [{ name: 'E', valueFrom: { fieldRef: {} } }],
      readinessProbe: { exec: { command: ['x'] }, periodSeconds: 5 },
    });
  });

  it('leaves its arguments alone', () => {
    const base = Object.freeze({ a: Object.freeze({ b: 1 }) });
    expect(strategicMerge<{ a: { b: number; c?: number } }>(base, { a: { c: 2 } })).toEqual({ a: { b: 1, c: 2 } });
  });
});
