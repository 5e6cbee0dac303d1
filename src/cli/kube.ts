// From the global flags to a client of one cluster.
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { parse, stringify } from 'yaml';
import type { ApiAccess } from '../k8s/access.ts';
import { parseKubeconfig } from '../k8s/kubeconfig.ts';
import { type ApiClient, createApiClient } from '../k8s/rest.ts';
import { CliError } from './errors.ts';

/** The flags every command has. */
export interface GlobalFlags {
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly namespace?: string;
  readonly istioNamespace?: string;
}

export interface Cluster extends Disposable {
  readonly api: ApiClient;
  readonly access: ApiAccess;
  /** The kubeconfig's context in use. */
  readonly context: string;
}

/** The global flags of a running command, wherever on the command line they stood. */
export function globalFlags(command: Command): GlobalFlags {
  return command.optsWithGlobals<GlobalFlags>();
}

/** A client for the cluster that `--kubeconfig` and `--context` name. Nothing is sent yet. Throws CliError. */
export async function connect(flags: GlobalFlags): Promise<Cluster> {
  const files = kubeconfigFiles(flags);
  const text = await mergedKubeconfig(files, flags.kubeconfig !== undefined);
  const { access, context, problems } = parseKubeconfig(text, {
    context: flags.context,
    allowExec: true,
    allowFiles: true,
  });
  if (!access) {
    const said = problems.map(({ message }) => message).join('\n');
    throw new CliError(`${files.join(', ')}: ${said}`);
  }
  const api = createApiClient({ cluster: context, access, userAgent: 'istioctl (isthmus)' });
  return { api, access, context, [Symbol.dispose]: () => api[Symbol.dispose]() };
}

/** `--kubeconfig`, else the files of $KUBECONFIG, else ~/.kube/config: kubectl's order. */
function kubeconfigFiles({ kubeconfig }: GlobalFlags): string[] {
  if (kubeconfig) return [kubeconfig];
  const listed = (process.env.KUBECONFIG ?? '').split(delimiter).filter(Boolean);
  return listed.length > 0 ? listed : [join(homedir(), '.kube', 'config')];
}

type Fields = Record<string, unknown>;

/** Several files as one; for the same name the first file wins, as in kubectl. Missing files are left out, unless named by flag. */
async function mergedKubeconfig(files: readonly string[], mustExist: boolean): Promise<string> {
  const merged: Record<string, Fields[]> = { clusters: [], contexts: [], users: [] };
  let current: unknown;
  let found = 0;
  for (const file of files) {
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !mustExist) continue;
      throw new CliError(`kubeconfig ${file}: ${(error as Error).message}; name another file with --kubeconfig`);
    }
    found++;
    const config = parseYaml(text, file);
    current ??= config['current-context'] || undefined;
    for (const [section, entries] of Object.entries(merged)) {
      const own = Array.isArray(config[section]) ? (config[section] as Fields[]) : [];
      for (const entry of own) {
        if (!entries.some((other) => other.name === entry?.name)) entries.push(withAbsoluteFiles(entry, file));
      }
    }
  }
  if (found === 0) {
    const searched = files.join(', ');
    throw new CliError(`there is no kubeconfig (looked for ${searched}); name one with --kubeconfig or $KUBECONFIG`);
  }
  return stringify({ apiVersion: 'v1', kind: 'Config', ...merged, 'current-context': current });
}

function parseYaml(text: string, file: string): Fields {
  try {
    const value: unknown = parse(text);
    return typeof value === 'object' && value !== null ? (value as Fields) : {};
  } catch (error) {
    throw new CliError(`kubeconfig ${file} is not YAML: ${(error as Error).message.split('\n')[0]}`);
  }
}

/** File names in a kubeconfig are relative to it. */
function withAbsoluteFiles(entry: Fields, file: string): Fields {
  const directory = resolve(file, '..');
  const out: Fields = { ...entry };
  for (const part of ['cluster', 'user']) {
    const fields = out[part];
    if (typeof fields !== 'object' || fields === null) continue;
    const copy: Fields = { ...(fields as Fields) };
    for (const key of ['certificate-authority', 'client-certificate', 'client-key', 'tokenFile']) {
      const value = copy[key];
      if (typeof value === 'string' && value && !isAbsolute(value)) copy[key] = join(directory, value);
    }
    const exec = copy.exec as { command?: unknown } | undefined;
    if (exec && typeof exec.command === 'string' && exec.command.includes('/') && !isAbsolute(exec.command)) {
      copy.exec = { ...exec, command: join(directory, exec.command) };
    }
    out[part] = copy;
  }
  return out;
}
