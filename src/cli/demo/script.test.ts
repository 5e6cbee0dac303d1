import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseScript } from './script.ts';

test('a script is cut at its headings and keeps its text to the letter', () => {
  expect(parseScript('# note\n\n## One\na \\\n  b\n\n## Two\ncat <<EOF\n x\nEOF\n')).toEqual([
    { title: 'One', commands: 'a \\\n  b' },
    { title: 'Two', commands: 'cat <<EOF\n x\nEOF' },
  ]);
});

test('the guide has its six steps', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../samples/primary-remote/guide.sh'), 'utf8');
  expect(parseScript(text).map((b) => b.title)).toHaveLength(6);
});
