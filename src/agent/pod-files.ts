// Collects what decides the agent's behaviour from arguments, environment, pod files and interfaces.
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { POD_INFO_DIR } from '../lib/paths.ts';
import { type AgentOptions, type Environment, readAgentOptions } from './options.ts';
import { parsePodInfo } from './pod-info.ts';

/** Throws with the offending source's name when PROXY_CONFIG or the pod's annotation cannot be read. */
export async function gatherOptions(args: readonly string[], env: Environment = process.env): Promise<AgentOptions> {
  const dir = env.ISTHMUS_POD_INFO_DIR || POD_INFO_DIR;
  const [labels, annotations] = await Promise.all([podFile(`${dir}/labels`), podFile(`${dir}/annotations`)]);
  const documents = [
    await parseDocument('PROXY_CONFIG', env.PROXY_CONFIG),
    await parseDocument('annotation proxy.istio.io/config', annotations['proxy.istio.io/config']),
  ];
  return readAgentOptions({ args, env, labels, annotations, documents, addresses: podAddresses() });
}

async function podFile(path: string): Promise<Record<string, string>> {
  return parsePodInfo(await readFile(path, 'utf8').catch(() => ''));
}

/** Injection writes JSON; people write YAML. The YAML parser is loaded only for them. */
async function parseDocument(source: string, text: string | undefined): Promise<Readonly<Record<string, unknown>>> {
  if (!text?.trim()) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const { parse } = await import('yaml');
    try {
      value = parse(text);
    } catch (error) {
      throw new Error(`${source} is neither JSON nor YAML: ${(error as Error).message}`);
    }
  }
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error(`${source}: expected a ProxyConfig object`);
  return value as Record<string, unknown>;
}

function podAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:') && !address.startsWith('169.254.'))
    .map(({ address }) => address);
}
