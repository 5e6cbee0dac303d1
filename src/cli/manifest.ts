// `istioctl manifest generate | diff`: what an installation would consist of.
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { parseAllDocuments, stringify } from 'yaml';
import type { Manifest } from '../install/json.ts';
import { inApplyOrder, nameOf } from '../k8s/apply.ts';
import { CliError } from './errors.ts';
import { type SpecFlags, wanted, withSpecFlags } from './inputs.ts';
import { globalFlags } from './kube.ts';

/** The command with its subcommands. */
export function manifestCommand(): Command {
  const generate = withSpecFlags(new Command('generate'))
    .description('print the manifests of an installation, to be reviewed or applied by other means')
    .option(
      '--component <name>',
      'only this component: Base, Pilot, IstiodRemote, IngressGateways, EgressGateways',
      collect,
    )
    .option('--cluster-specific', 'accepted for compatibility; manifests never depend on the cluster')
    .option('--dry-run', 'accepted for compatibility; nothing is ever changed')
    .allowExcessArguments(false)
    .action(printManifests);
  const diff = new Command('diff')
    .argument('<file-a>')
    .argument('<file-b>')
    .description('compare two files of manifests object by object; exits with 1 when they differ')
    .action(printDifferences);
  return new Command('manifest').description('show and compare manifests').addCommand(generate).addCommand(diff);
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

async function printManifests(
  flags: SpecFlags & { readonly component?: readonly string[] },
  command: Command,
): Promise<void> {
  const { components } = await wanted(flags, globalFlags(command).istioNamespace);
  const chosen = components.filter(({ name }) => !flags.component || flags.component.includes(name));
  if (flags.component && chosen.length === 0) {
    const there = components.map(({ name }) => name).join(', ') || 'none';
    throw new CliError(
      `--component ${flags.component.join(' ')}: this configuration has no such component (it has: ${there})`,
    );
  }
  const objects = chosen.flatMap((component) => inApplyOrder(component.objects));
  process.stdout.write(
    objects
      .map((object) => stringify(object, { aliasDuplicateObjects: false, lineWidth: 0, blockQuote: 'literal' }))
      .join('---\n'),
  );
}

async function printDifferences(fileA: string, fileB: string): Promise<void> {
  const [a, b] = await Promise.all([fileA, fileB].map(readManifests));
  let differences = 0;
  for (const name of [...new Set([...a!.keys(), ...b!.keys()])].sort()) {
    const [before, after] = [a!.get(name), b!.get(name)];
    const found = leafDifferences(before, after, '');
    if (found.length === 0) continue;
    differences += found.length;
    if (!before || !after) console.log(`${name}: only in ${before ? fileA : fileB}`);
    else console.log(`${name}:\n${found.map((line) => `  ${line}`).join('\n')}`);
  }
  if (differences === 0) console.log('Manifests are identical');
  else process.exitCode = 1;
}

async function readManifests(file: string): Promise<Map<string, Manifest>> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new CliError(`${file}: ${error.message}`);
  });
  const objects = parseAllDocuments(text).map((document) => {
    if (document.errors[0]) throw new CliError(`${file}: ${document.errors[0].message.split('\n')[0]}`);
    return document.toJS() as Manifest | null;
  });
  return new Map(objects.filter((object) => object !== null).map((object) => [nameOf(object), object]));
}

/** One line for each leaf that differs. */
function leafDifferences(a: unknown, b: unknown, path: string): string[] {
  const branch = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
  if (branch(a) && branch(b) && Array.isArray(a) === Array.isArray(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    return keys.flatMap((key) => leafDifferences(a[key], b[key], path ? `${path}.${key}` : key));
  }
  if (a === b) return [];
  return [`${path}: ${JSON.stringify(a) ?? '(absent)'} -> ${JSON.stringify(b) ?? '(absent)'}`];
}
