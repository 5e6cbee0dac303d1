// `istioctl proxy-status`: every proxy of every cluster, and whether it has what the control plane wants it to have.
import { Command } from 'commander';
import { stringify } from 'yaml';
import { CliError } from './errors.ts';
import { connect, type GlobalFlags, globalFlags } from './kube.ts';
import { askControlPlanes, type DebugAnswer } from './pods.ts';
import { table } from './proxy-config/table.ts';

interface Flags extends GlobalFlags {
  readonly revision?: string;
  readonly output?: string;
  readonly xdsAddress?: string;
  readonly plaintext?: boolean;
  readonly insecure?: boolean;
}

/** One proxy as `/debug/syncz` shows it. Nonces are what istiod shows; the state is computed from them. */
export interface ProxySync {
  readonly proxy: string;
  readonly cluster_id?: string;
  readonly istio_version?: string;
  readonly proxy_version?: string;
  readonly cluster_sent?: string;
  readonly cluster_acked?: string;
  readonly listener_sent?: string;
  readonly listener_acked?: string;
  readonly route_sent?: string;
  readonly route_acked?: string;
  readonly endpoint_sent?: string;
  readonly endpoint_acked?: string;
  readonly extensionconfig_sent?: string;
  readonly extensionconfig_acked?: string;
  /** Why the proxy rejected its newest configuration, by short type name. */
  readonly errors?: Readonly<Record<string, string>>;
}

export interface StatusRow {
  readonly name: string;
  readonly cluster: string;
  readonly istiod: string;
  readonly version: string;
  readonly types: Readonly<Record<string, string>>;
  readonly errors: Readonly<Record<string, string>>;
}

const TYPES = { CDS: 'cluster', LDS: 'listener', EDS: 'endpoint', RDS: 'route', ECDS: 'extensionconfig' } as const;

/** The command. */
export function proxyStatusCommand(): Command {
  return new Command('proxy-status')
    .alias('ps')
    .description('all proxies of all clusters and their state: SYNCED, STALE, NOT SENT or ERROR')
    .argument('[pod]', 'only this proxy: pod, pod.namespace, the start of its name, or deployment/name')
    .option('-r, --revision <name>', 'only control planes of this revision')
    .option('-o, --output <format>', 'table, json or yaml', 'table')
    .option('--xds-address <host:port>', 'ask this control plane directly')
    .option('--plaintext', 'with --xds-address: no TLS')
    .option('--insecure', 'with --xds-address: do not verify the certificate')
    .action(run);
}

async function run(pod: string | undefined, _: Flags, command: Command): Promise<void> {
  const flags = { ...globalFlags(command), ...command.opts<Flags>() };
  const rows = readStatus(await ask(flags));
  const wanted = pod ? filterStatus(rows, pod, flags.namespace) : rows;
  if (pod && !wanted.length) {
    throw new CliError(
      `no control plane knows a proxy "${pod}"; is its sidecar running, and does its cluster have a remote secret? (istioctl remote-clusters)`,
    );
  }
  process.stdout.write(renderStatus(wanted, flags.output));
}

async function ask(flags: Flags): Promise<DebugAnswer[]> {
  if (flags.xdsAddress) {
    const { askOverXds } = await import('./xds-debug.ts');
    return [await askOverXds({ ...flags, address: flags.xdsAddress, page: 'syncz' })];
  }
  using cluster = await connect(flags);
  return await askControlPlanes(cluster, 'syncz', flags);
}

/** All proxies of all answers, sorted by name. Throws CliError when an answer is not a list of proxies. */
export function readStatus(answers: readonly DebugAnswer[]): StatusRow[] {
  const rows = answers.flatMap(({ istiod, body }) => {
    let proxies: unknown;
    try {
      proxies = JSON.parse(body);
    } catch {
      proxies = undefined;
    }
    if (!Array.isArray(proxies))
      throw new CliError(`${istiod} did not answer with a list of proxies: ${body.slice(0, 100)}`);
    return (proxies as ProxySync[]).map((proxy) => rowOf(proxy, istiod));
  });
  return rows.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function rowOf(proxy: ProxySync, istiod: string): StatusRow {
  const errors = proxy.errors ?? {};
  const states = Object.entries(TYPES).map(([short, field]) => {
    const sent = proxy[`${field}_sent` as keyof ProxySync] as string | undefined;
    const acked = proxy[`${field}_acked` as keyof ProxySync] as string | undefined;
    return [short, errors[short] ? 'ERROR' : stateOf(sent, acked)];
  });
  return {
    name: proxy.proxy,
    cluster: proxy.cluster_id ?? '',
    istiod,
    version: proxy.istio_version || (proxy.proxy_version ? `${proxy.proxy_version}*` : ''),
    types: Object.fromEntries(states),
    errors,
  };
}

function stateOf(sent = '', acked = ''): string {
  if (!sent) return 'NOT SENT';
  return sent === acked ? 'SYNCED' : acked ? 'STALE' : 'STALE (Never Acknowledged)';
}

/** What Kubernetes appends to the name of a workload to name its pods. */
const POD_SUFFIX: Readonly<Record<string, RegExp>> = {
  deployment: /^-[a-z0-9]+-[a-z0-9]{5}$/,
  statefulset: /^-\d+$/,
  daemonset: /^-[a-z0-9]{5}$/,
};
const KINDS: Readonly<Record<string, string>> = {
  deploy: 'deployment',
  sts: 'statefulset',
  ds: 'daemonset',
  po: 'pod',
};

/**
 * The proxies that `text` names: pod[.namespace], the start of a pod's name, or deployment/name[.namespace] in any of the
 * clusters, which is why the name decides and no API server is asked. Throws CliError for a kind that has no proxies.
 */
export function filterStatus(rows: readonly StatusRow[], text: string, namespace: string | undefined): StatusRow[] {
  if (!text.includes('/')) return rows.filter((row) => matches(row, text, namespace));
  const [kind = '', rest = ''] = text.split('/', 2);
  const full = KINDS[kind] ?? kind.replace(/s$/, '');
  if (full === 'pod') return rows.filter((row) => matches(row, rest, namespace));
  const suffix = POD_SUFFIX[full];
  if (!suffix) throw new CliError(`"${text}": expected a pod (name or name.namespace), or deployment/name`);
  const dot = namespace ? -1 : rest.lastIndexOf('.');
  const workload = dot < 0 ? rest : rest.slice(0, dot);
  const wanted = dot < 0 ? namespace : rest.slice(dot + 1);
  return rows.filter((row) => {
    const end = row.name.lastIndexOf('.');
    if (wanted && row.name.slice(end + 1) !== wanted) return false;
    return row.name.startsWith(workload) && suffix.test(row.name.slice(workload.length, end));
  });
}

function matches(row: StatusRow, name: string, namespace: string | undefined): boolean {
  if (row.name === name || (namespace && row.name === `${name}.${namespace}`)) return true;
  return row.name.startsWith(name) && (!namespace || row.name.endsWith(`.${namespace}`));
}

/** NAME, CLUSTER, one column a type, ISTIOD, VERSION; rejections are explained below. Throws CliError for an unknown format. */
export function renderStatus(rows: readonly StatusRow[], format = 'table'): string {
  if (format === 'json') return `${JSON.stringify(rows, undefined, 2)}\n`;
  if (format === 'yaml') return stringify(rows);
  if (format !== 'table') throw new CliError(`-o ${format}: there are table, json and yaml`);
  const types = Object.keys(TYPES);
  const cells = rows.map((row) => [
    row.name,
    row.cluster,
    ...types.map((type) => row.types[type] ?? ''),
    row.istiod,
    row.version,
  ]);
  const why = rows.flatMap(({ name, errors }) =>
    Object.entries(errors).map(([type, message]) => `${name} rejected ${type}: ${message}\n`),
  );
  return table(['NAME', 'CLUSTER', ...types, 'ISTIOD', 'VERSION'], cells) + (why.length ? `\n${why.join('')}` : '');
}
