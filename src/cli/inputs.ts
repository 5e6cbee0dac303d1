// The flags that say what to install, and how they become components.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { parseAllDocuments } from 'yaml';
import type { Component } from '../install/generate.ts';
import type { Installation } from '../install/installation.ts';
import type { Manifest } from '../install/json.ts';
import { cacheDir } from '../lib/paths.ts';
import { CliError, describeProblem } from './errors.ts';

export interface SpecFlags {
  readonly filename?: readonly string[];
  readonly set?: readonly string[];
  readonly revision?: string;
}

export interface Wanted {
  readonly installation: Installation;
  readonly components: readonly Component[];
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** Adds -f, -s/--set, -r/--revision to a command. */
export function withSpecFlags(command: Command): Command {
  return command
    .option(
      '-f, --filename <file>',
      "IstioOperator document, '-' for standard input; may be given several times",
      collect,
    )
    .option(
      '-s, --set <path=value>',
      'override one value, e.g. values.global.network=network1; may be given several times',
      collect,
    )
    .option('-r, --revision <name>', 'revision of the control plane to install');
}

/**
 * Reads, checks and renders what the flags ask for. Warnings go to stderr; any error becomes one CliError that lists
 * them all, so nothing is done half.
 */
export async function wanted(flags: SpecFlags, istioNamespace?: string): Promise<Wanted> {
  // Loaded here because every other command would pay for the API's descriptors too.
  const [{ resolve }, { generate }] = await Promise.all([
    import('../install/resolve.ts'),
    import('../install/generate.ts'),
  ]);
  const files = await Promise.all((flags.filename ?? []).map(async (name) => ({ name, text: await readInput(name) })));
  const { installation, problems } = resolve({ files, sets: flags.set, revision: flags.revision, istioNamespace });
  const generated = installation && generate({ installation, crds: await loadCrds() });
  const all = [...problems, ...(generated?.problems ?? [])];
  for (const warning of all.filter(({ severity }) => severity !== 'error')) console.error(describeProblem(warning));
  const errors = all.filter(({ severity }) => severity === 'error');
  if (errors.length > 0 || !installation || !generated) {
    const count = errors.length === 1 ? 'one error' : `${errors.length} errors`;
    throw new CliError(
      `the configuration has ${count}; nothing was changed:\n${errors.map((e) => `  ${describeProblem(e)}`).join('\n')}`,
    );
  }
  return { installation, components: generated.components };
}

/** The components of an installation that has been checked already. */
export async function render(installation: Installation): Promise<readonly Component[]> {
  const { generate } = await import('../install/generate.ts');
  return generate({ installation, crds: await loadCrds() }).components;
}

async function readInput(name: string): Promise<string> {
  try {
    if (name !== '-') return await readFile(name, 'utf8');
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new CliError(`-f ${name}: ${missing ? 'there is no such file' : (error as Error).message}`);
  }
}

/**
 * The CustomResourceDefinitions of the pinned istio.io/api, written by tools/gen.ts. A megabyte of YAML takes most of a
 * second to parse, so the result is kept in the cache by the text's hash.
 */
export async function loadCrds(): Promise<Manifest[]> {
  const file = join(import.meta.dirname, '../gen/crds.yaml');
  const text = await readFile(file, 'utf8').catch(() => {
    throw new CliError(`${file} is missing; run 'make generate' (or node tools/gen.ts)`);
  });
  const kept = join(cacheDir(), 'crds', `${createHash('sha256').update(text).digest('hex')}.json`);
  try {
    return JSON.parse(await readFile(kept, 'utf8')) as Manifest[];
  } catch {
    const crds = parseAllDocuments(text)
      .map((document) => document.toJS() as Manifest)
      .filter(Boolean);
    await keep(kept, JSON.stringify(crds));
    return crds;
  }
}

/** Writes a cache file as a whole or not at all; a cache that cannot be written is no error. */
async function keep(file: string, text: string): Promise<void> {
  const partial = `${file}.${process.pid}`;
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(partial, text);
    await rename(partial, file);
  } catch {
    await rm(partial, { force: true }).catch(() => {});
  }
}
