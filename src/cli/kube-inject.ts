// `kube-inject`: adds sidecars to manifests, with the configuration of a cluster or of files.
import { readFile, writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { parse as parseYaml } from 'yaml';
import { parseInjectorConfig } from '../inject/config.ts';
import { isObject } from '../inject/json.ts';
import { injectManifests } from '../inject/manifests.ts';
import { parseMesh } from '../inject/mesh.ts';
import { supportsNativeSidecars } from '../inject/native.ts';
import type { ResourceSettings } from '../inject/resources.ts';
import { parseValues } from '../inject/values.ts';
import { isNotFound } from '../k8s/api-error.ts';
import { resourcePath } from '../k8s/object.ts';
import { CONFIG_MAP } from '../k8s/resources.ts';
import type { ApiClient } from '../k8s/rest.ts';
import { CliError, describeProblem } from './errors.ts';
import { connect, type GlobalFlags, globalFlags } from './kube.ts';

export interface KubeInjectFlags extends GlobalFlags {
  readonly filename: string;
  readonly output?: string;
  readonly injectConfigFile?: string;
  readonly meshConfigFile?: string;
  readonly valuesFile?: string;
  readonly injectConfigMapName: string;
  readonly meshConfigMapName: string;
  readonly revision?: string;
}

export function kubeInjectCommand(): Command {
  return new Command('kube-inject')
    .description('Add the sidecar to the workloads of a manifest')
    .requiredOption('-f, --filename <file>', "manifest to read, '-' for standard input")
    .option('-o, --output <file>', 'where to write; standard output by default')
    .option('--injectConfigFile <file>', "the injector's configuration, instead of the ConfigMap's")
    .option('--meshConfigFile <file>', "the mesh's configuration, instead of the ConfigMap's")
    .option('--valuesFile <file>', "the injector's values, instead of the ConfigMap's")
    .option('--injectConfigMapName <name>', 'ConfigMap of the injector', 'istio-sidecar-injector')
    .option('--meshConfigMapName <name>', "ConfigMap of the mesh's configuration", 'istio')
    .option('-r, --revision <name>', 'revision of the control plane')
    .action((_: unknown, command: Command) => kubeInject({ ...command.opts(), ...globalFlags(command) }));
}

/** Reads, injects and writes. Nothing is written unless every workload could be handled; throws CliError. */
export async function kubeInject(flags: KubeInjectFlags): Promise<void> {
  const name = flags.filename === '-' ? 'standard input' : flags.filename;
  const text = flags.filename === '-' ? await readStdin() : await readText(flags.filename, '-f');
  const result = injectManifests(text, name, await readSettings(flags));
  for (const note of result.notes) process.stderr.write(`${note}\n`);
  if (result.errors.length > 0) throw new CliError(`nothing was injected:\n${result.errors.join('\n')}`);
  if (!flags.output) process.stdout.write(result.output);
  else {
    await writeFile(flags.output, result.output).catch((error: Error) => {
      throw new CliError(`--output ${flags.output}: ${error.message}`);
    });
  }
}

/** Files win over the cluster's ConfigMaps; with all three files no cluster is asked. */
async function readSettings(flags: KubeInjectFlags): Promise<ResourceSettings> {
  const { injectConfigFile, meshConfigFile, valuesFile } = flags;
  const offline = injectConfigFile && meshConfigFile && valuesFile;
  using cluster = offline ? undefined : await connect(flags);
  const api = cluster?.api;
  const injector = injectConfigFile && valuesFile ? {} : await configMap(api, flags, flags.injectConfigMapName);
  const mesh = meshConfigFile ? {} : await configMap(api, flags, flags.meshConfigMapName);

  const config = parseInjectorConfig(await textOr(injectConfigFile, '--injectConfigFile', injector.config));
  const values = parseValues(readYaml(await textOr(valuesFile, '--valuesFile', injector.values), 'values'));
  const meshConfig = parseMesh(await textOr(meshConfigFile, '--meshConfigFile', mesh.mesh));
  const problems = [...config.problems, ...values.problems, ...meshConfig.problems];
  if (problems.some((problem) => problem.severity === 'error')) {
    throw new CliError(`the injector's configuration cannot be used:\n${problems.map(describeProblem).join('\n')}`);
  }
  return {
    // Who asks for injection by hand gets it, whatever the webhook's policy is. As in Istio.
    config: { ...config.config, policy: 'enabled' },
    values: values.values,
    mesh: meshConfig.mesh,
    revision: flags.revision || values.values.revision,
    cluster: { nativeSidecars: api ? supportsNativeSidecars(await nodeVersions(api)) : false },
    namespace: flags.namespace ?? 'default',
  };
}

async function configMap(
  api: ApiClient | undefined,
  flags: KubeInjectFlags,
  name: string,
): Promise<Readonly<Record<string, string | undefined>>> {
  if (!api) return {};
  const { revision, istioNamespace = 'istio-system' } = flags;
  const full = revision && revision !== 'default' ? `${name}-${revision}` : name;
  try {
    const object = await api.request<unknown>({ path: resourcePath(CONFIG_MAP, istioNamespace, full) });
    return isObject(object) && isObject(object.data) ? (object.data as Readonly<Record<string, string>>) : {};
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new CliError(
      `cluster ${api.cluster} has no ConfigMap ${istioNamespace}/${full}; install the mesh there, choose --istioNamespace, --revision or --context, or give --injectConfigFile, --meshConfigFile and --valuesFile`,
    );
  }
}

/** Versions of all nodes; of the API server when this user may not list nodes. */
async function nodeVersions(api: ApiClient): Promise<string[]> {
  interface NodeList {
    readonly items?: readonly { readonly status?: { readonly nodeInfo?: { readonly kubeletVersion?: string } } }[];
  }
  try {
    const list = await api.request<NodeList>({ path: '/api/v1/nodes' });
    return (list.items ?? []).map((node) => node.status?.nodeInfo?.kubeletVersion ?? '');
  } catch {
    const version = await api.request<{ gitVersion?: string }>({ path: '/version' });
    return [version.gitVersion ?? ''];
  }
}

async function textOr(file: string | undefined, flag: string, otherwise: string | undefined): Promise<string> {
  return file ? readText(file, flag) : (otherwise ?? '');
}

async function readText(file: string, flag: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: Error) => {
    throw new CliError(`${flag} ${file}: ${error.message}`);
  });
}

function readYaml(text: string, what: string): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    throw new CliError(`the injector's ${what} are not YAML: ${(error as Error).message.split('\n')[0]}`);
  }
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
