// Goldens of the agent: every input file in a directory has one output file; UPDATE_GOLDENS=1 rewrites them and drops stale ones.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface GoldenCase<Input> {
  readonly name: string;
  readonly input: Input;
  /** The stored answer; '' when there is none yet. */
  readonly expected: string;
  /** Compares in a test by returning what to compare with; stores `actual` instead when updating. */
  settle(actual: string): string;
}

/** Reads `<name>.in.json` and `<name><suffix>` of a directory. Throws when an output has no input. */
export function goldenCases<Input>(dir: string, suffix: string): GoldenCase<Input>[] {
  const update = process.env.UPDATE_GOLDENS === '1';
  const files = readdirSync(dir);
  const names = files.filter((file) => file.endsWith('.in.json')).map((file) => file.slice(0, -'.in.json'.length));
  for (const file of files.filter((name) => !name.endsWith('.in.json'))) {
    if (names.some((name) => file === name + suffix)) continue;
    if (!update) throw new Error(`${join(dir, file)} has no input; UPDATE_GOLDENS=1 removes it`);
    rmSync(join(dir, file));
  }
  return names.map((name) => {
    const file = join(dir, name + suffix);
    const expected = existsSync(file) ? readFileSync(file, 'utf8') : '';
    return {
      name,
      input: JSON.parse(readFileSync(join(dir, `${name}.in.json`), 'utf8')) as Input,
      expected,
      settle(actual) {
        if (!update) return expected;
        writeFileSync(file, actual);
        return actual;
      },
    };
  });
}
