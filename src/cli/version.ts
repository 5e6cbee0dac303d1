// `istioctl version`: of this program and of the control planes in the cluster.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { stringify } from 'yaml';
import { REVISION_LABEL } from '../install/installation.ts';
import { isObject, listAt, type Manifest, objectAt, textAt } from '../install/json.ts';
import { CliError } from './errors.ts';
import { connect, type GlobalFlags, globalFlags } from './kube.ts';
import { askControlPlanes } from './pods.ts';
import { readStatus } from './proxy-status.ts';

interface Flags {
  readonly remote: boolean;
  readonly short?: boolean;
  readonly output?: string;
}

export interface ControlPlaneVersion {
  readonly pod: string;
  readonly revision: string;
  /** Tag of the image that runs. */
  readonly version: string;
}

/** The command. */
export function versionCommand(): Command {
  return new Command('version')
    .description('version of this program and of the control plane')
    .option(
      '--remote [boolean]',
      'also ask the cluster for the control plane',
      (text: string) => text !== 'false',
      true,
    )
    .option('--no-remote', 'only this program')
    .option('-s, --short [boolean]', 'accepted for compatibility', (text: string) => text !== 'false')
    .option('-o, --output <format>', 'json or yaml')
    .allowExcessArguments(false)
    .action(run);
}

async function run(flags: Flags, command: Command): Promise<void> {
  const client = await clientVersion();
  const found = flags.remote ? await controlPlanes(globalFlags(command)) : undefined;
  const result = {
    clientVersion: { version: client },
    ...(found?.planes && { meshVersion: found.planes }),
    ...(found?.proxies && { dataPlaneVersion: found.proxies }),
  };
  if (flags.output === 'json') console.log(JSON.stringify(result, undefined, 2));
  else if (flags.output === 'yaml') process.stdout.write(stringify(result));
  else if (flags.output) throw new CliError(`-o ${flags.output}: there are json and yaml`);
  else {
    console.log(`client version: ${client}`);
    for (const { pod, revision, version } of found?.planes ?? []) {
      console.log(`control plane version: ${version} (revision ${revision}, pod ${pod})`);
    }
    const proxies = summary(found?.proxies ?? []);
    if (proxies) console.log(`data plane version: ${proxies}`);
    if (found?.planes?.length === 0) console.log('control plane version: none is running in this cluster');
    if (found?.unknown) console.error(`control plane version unknown: ${found.unknown}`);
  }
}

/** The version of this program. */
export async function clientVersion(): Promise<string> {
  const text = await readFile(join(import.meta.dirname, '../../package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

export interface ProxyVersion {
  readonly ID: string;
  readonly IstioVersion: string;
}

interface Found {
  readonly planes?: readonly ControlPlaneVersion[];
  readonly proxies?: readonly ProxyVersion[];
  readonly unknown?: string;
}

/** Proxies counted by version, as istioctl words it: `1.28.0 (5 proxies), 1.27.0 (1 proxy)`; '' for none. */
export function summary(proxies: readonly ProxyVersion[]): string {
  const counts = new Map<string, number>();
  for (const { IstioVersion } of proxies) counts.set(IstioVersion, (counts.get(IstioVersion) ?? 0) + 1);
  return [...counts].map(([version, n]) => `${version} (${n} ${n === 1 ? 'proxy' : 'proxies'})`).join(', ');
}

async function controlPlanes(global: GlobalFlags): Promise<Found> {
  try {
    using cluster = await connect(global);
    const { items } = await cluster.api.request<{ items: Manifest[] }>({
      path: `/api/v1/namespaces/${global.istioNamespace ?? 'istio-system'}/pods`,
      query: { labelSelector: 'app=istiod', fieldSelector: 'status.phase=Running' },
      timeoutMs: 5000,
    });
    if (items.length === 0) return { planes: [] };
    // Versions of control planes are worth showing also when none of them answers.
    const proxies = await askControlPlanes(cluster, 'syncz', global).then(readStatus, () => undefined);
    const versions = proxies?.map(({ name, version }) => ({ ID: name, IstioVersion: version }));
    return { planes: items.map(versionOf), ...(versions && { proxies: versions }) };
  } catch (error) {
    return { unknown: (error as Error).message };
  }
}

function versionOf(pod: Manifest): ControlPlaneVersion {
  const discovery = listAt(pod, 'spec.containers').find((c) => isObject(c) && c.name === 'discovery');
  const image = textAt(discovery, 'image');
  const revision = objectAt(pod, 'metadata.labels')[REVISION_LABEL];
  const version = image.split('@')[0]!.split(':').slice(1).at(-1) ?? 'unknown';
  return { pod: pod.metadata.name, revision: String(revision ?? 'default'), version };
}
