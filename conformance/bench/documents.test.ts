// docs/performance.md shows what the records in docs/performance say, and nothing else.
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { documents, fill } from '../../bench/document.ts';

test('the page and its plots are those that `node bench/document.ts` makes', () => {
  const files = documents();
  expect(files.size).toBeGreaterThan(5);
  for (const [file, text] of files) {
    expect(existsSync(file), file).toBe(true);
    expect(readFileSync(file, 'utf8') === text, `${file}: run node bench/document.ts`).toBe(true);
  }
});

test('a marker that nobody fills is an error', () => {
  expect(fill('<!-- begin a -->\nold\n<!-- end -->', new Map([['a', 'new']]))).toBe(
    '<!-- begin a -->\n\nnew\n\n<!-- end -->',
  );
  expect(() => fill('<!-- begin b -->\n<!-- end -->', new Map())).toThrow('no part is called b');
});
