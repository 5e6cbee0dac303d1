// Where the project lies: what is bundled from its sources finds it as they do.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The nearest folder above this code that has a package.json. Throws when there is none. */
export function projectRoot(): string {
  for (let at = import.meta.dirname; ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return at;
    if (at === dirname(at)) throw new Error(`no package.json above ${import.meta.dirname}`);
  }
}
