// `istioctl profile list | dump | diff`: the built-in profiles.
import { Command } from 'commander';
import { stringify } from 'yaml';
import { at, isObject, type Json, type JsonObject } from '../install/json.ts';
import { listProfiles, profileSpec } from '../install/profiles.ts';
import { nearest } from '../install/schema/schema.ts';
import { CliError } from './errors.ts';

/** The command with its subcommands. */
export function profileCommand(): Command {
  const list = new Command('list').description('the profiles there are').action(() => {
    console.log('Istio configuration profiles:');
    for (const { name, about } of listProfiles()) console.log(`    ${name.padEnd(9)}${about}`);
  });
  const dump = new Command('dump')
    .argument('[profile]', 'name of a profile', 'default')
    .description('print what a profile stands for')
    .option('-p, --config-path <path>', 'only the part at this path, e.g. components.pilot')
    .option('-o, --output <format>', 'yaml, json or flags', 'yaml')
    .action((name: string, flags: { configPath?: string; output: string }) => {
      const spec = specOf(name);
      const part = flags.configPath ? at(spec, flags.configPath) : undefined;
      if (flags.configPath && part === undefined)
        throw new CliError(`profile ${name} has nothing at ${flags.configPath}`);
      const whole = { apiVersion: 'install.istio.io/v1alpha1', kind: 'IstioOperator', spec };
      print(part ?? (flags.output === 'flags' ? spec : whole), flags.output);
    });
  const diff = new Command('diff')
    .argument('<profile-a>')
    .argument('<profile-b>')
    .description('what two profiles say differently; exits with 1 when they differ')
    .action((a: string, b: string) => {
      const [from, to] = [leaves(specOf(a)), leaves(specOf(b))];
      const keys = [...new Set([...from.keys(), ...to.keys()])].filter((key) => from.get(key) !== to.get(key)).sort();
      for (const key of keys) console.log(`${key}: ${from.get(key) ?? '(absent)'} -> ${to.get(key) ?? '(absent)'}`);
      if (keys.length === 0) console.log('Profiles are identical');
      else process.exitCode = 1;
    });
  return new Command('profile').description('built-in profiles').addCommand(list).addCommand(dump).addCommand(diff);
}

function specOf(name: string): JsonObject {
  const spec = profileSpec(name);
  if (spec) return spec;
  const names = listProfiles().map((profile) => profile.name);
  const near = nearest(name, names);
  throw new CliError(
    `there is no profile ${name}${near ? `; did you mean ${near}?` : ''} (there are ${names.join(', ')})`,
  );
}

function print(value: Json, format: string): void {
  if (format === 'json') console.log(JSON.stringify(value, undefined, 2));
  else if (format === 'yaml') process.stdout.write(stringify(value));
  else if (format === 'flags') for (const [path, text] of leaves(value)) console.log(`${path}=${text}`);
  else throw new CliError(`-o ${format}: there are yaml, json and flags`);
}

/** Path → value as text, for every leaf. */
function leaves(value: Json | undefined, path = '', out = new Map<string, string>()): Map<string, string> {
  if (isObject(value) && Object.keys(value).length > 0) {
    for (const [key, item] of Object.entries(value))
      leaves(item, path ? `${path}.${key.replaceAll('.', '\\.')}` : key, out);
  } else if (Array.isArray(value) && value.length > 0) {
    value.forEach((item: Json, i) => {
      leaves(item, `${path}[${i}]`, out);
    });
  } else if (value !== undefined) out.set(path, typeof value === 'string' ? value : JSON.stringify(value));
  return out;
}
