// `istioctl remote-clusters`: the clusters that each control plane watches, and whether it has read them.
import { Command } from 'commander';
import { stringify } from 'yaml';
import { CliError } from './errors.ts';
import { connect, type GlobalFlags, globalFlags } from './kube.ts';
import { askControlPlanes } from './pods.ts';
import { table } from './proxy-config/table.ts';

interface Flags extends GlobalFlags {
  readonly revision?: string;
  readonly output?: string;
}

interface ClusterState {
  readonly id: string;
  readonly secretName: string;
  readonly syncStatus: string;
  readonly istiod: string;
  /** Why it cannot be followed just now, by kind. */
  readonly errors: Readonly<Record<string, string>>;
}

/** A remote secret that is not used, as `/debug/problems` tells it. */
export interface RefusedSecret {
  readonly secret: string;
  readonly path: string;
  readonly message: string;
}

interface ProblemAnswer {
  readonly source: string;
  readonly problem: {
    readonly path: string;
    readonly message: string;
    readonly object?: { readonly namespace: string; readonly name: string };
  };
}

interface ClusterAnswer extends Omit<ClusterState, 'istiod' | 'errors'> {
  readonly kinds?: readonly { readonly kind: string; readonly error?: string }[];
}

/** The command. */
export function remoteClustersCommand(): Command {
  return new Command('remote-clusters')
    .description('clusters that the control plane watches')
    .option('-r, --revision <name>', 'only control planes of this revision')
    .option('-o, --output <format>', 'table, json or yaml', 'table')
    .allowExcessArguments(false)
    .action(run);
}

async function run(_: Flags, command: Command): Promise<void> {
  const flags = { ...globalFlags(command), ...command.opts<Flags>() };
  using cluster = await connect(flags);
  const answers = await askControlPlanes(cluster, 'clusterz', flags);
  const states = answers.flatMap(({ istiod, body }) =>
    (JSON.parse(body) as ClusterAnswer[]).map((answer) => stateOf(answer, istiod)),
  );
  const problems = await askControlPlanes(cluster, 'problems', flags);
  const refused = problems.flatMap(({ body }) => refusedSecrets(JSON.parse(body) as ProblemAnswer[]));
  const output = renderClusters(states, flags.output);
  const listed = !flags.output || ['table', 'short'].includes(flags.output);
  process.stdout.write(listed ? output + renderRefused(refused) : output);
}

/** Those problems that remote secrets have. */
export function refusedSecrets(answer: readonly ProblemAnswer[]): RefusedSecret[] {
  return answer
    .filter(({ source }) => source === 'remote secrets')
    .map(({ problem: { object, path, message } }) => ({
      secret: object ? `${object.namespace}/${object.name}` : '',
      path,
      message,
    }));
}

/** One line a secret, once for all control planes; '' when there is none. */
export function renderRefused(refused: readonly RefusedSecret[]): string {
  const lines = new Set(
    refused.map(({ secret, path, message }) => `secret ${secret} is not used: ${path}: ${message}\n`),
  );
  return lines.size ? `\n${[...lines].sort().join('')}` : '';
}

/** NAME, SECRET, STATUS, ISTIOD. Throws CliError for a format that does not exist. */
export function renderClusters(states: readonly ClusterState[], format = 'table'): string {
  const sorted = [...states].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.istiod < b.istiod ? -1 : 1));
  if (format === 'json') return `${JSON.stringify(sorted, undefined, 2)}\n`;
  if (format === 'yaml') return stringify(sorted);
  if (format !== 'table' && format !== 'short') throw new CliError(`-o ${format}: there are table, json and yaml`);
  const rows = sorted.map(({ id, secretName, syncStatus, istiod }) => [id, secretName, syncStatus, istiod]);
  return table(['NAME', 'SECRET', 'STATUS', 'ISTIOD'], rows) + troubles(sorted);
}

function stateOf({ id, secretName, syncStatus, kinds = [] }: ClusterAnswer, istiod: string): ClusterState {
  const errors = kinds.flatMap(({ kind, error }) => (error ? [[kind, error]] : []));
  return { id, secretName, syncStatus, istiod, errors: Object.fromEntries(errors) };
}

/** A cluster that is not answering is served as it was last known; that must not go unnoticed. */
function troubles(states: readonly ClusterState[]): string {
  const lines = states.flatMap(({ id, istiod, errors }) => {
    const kinds = Object.keys(errors);
    return kinds.length ? [`${id} is not followed by ${istiod} (${kinds.join(', ')}): ${errors[kinds[0]!]}\n`] : [];
  });
  return lines.length ? `\n${lines.join('')}` : '';
}
