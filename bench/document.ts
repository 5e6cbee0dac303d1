// Makes the tables and plots of docs/performance.md from the records in docs/performance: `node bench/document.ts`.
// The text between them is written by hand; what stands between `<!-- begin NAME -->` and `<!-- end -->` is replaced.
// With --check nothing is written, and files that differ end it with 1.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { plots } from './document/plots.ts';
import { readRecords } from './document/records.ts';
import { sections } from './document/sections.ts';
import { RECORDS } from './results.ts';

const PAGE = join(RECORDS, '../performance.md');

/** Fills the marked places of a page; a marker that nobody knows is an error. */
export function fill(page: string, parts: ReadonlyMap<string, string>): string {
  return page.replace(
    /(<!-- begin (\S+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, begin: string, name: string, end: string) => {
      const part = parts.get(name);
      if (part === undefined) throw new Error(`docs/performance.md: no part is called ${name}`);
      return `${begin}\n${part}\n\n${end}`;
    },
  );
}

/** Every file that is made of the records, with its content. */
export function documents(): Map<string, string> {
  const records = readRecords();
  const files = new Map([...plots(records)].map(([name, text]) => [join(RECORDS, name), text]));
  files.set(PAGE, fill(readFileSync(PAGE, 'utf8'), sections(records)));
  return files;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
  for (const [file, text] of documents()) {
    if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
    if (values.check) process.exitCode = 1;
    else writeFileSync(file, text);
    console.log(`${values.check ? 'differs' : 'wrote'}: ${file}`);
  }
}
