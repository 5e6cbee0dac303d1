// `istioctl proxy-config`: what one proxy has, from its own mouth or from a dump in a file.
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { stringify } from 'yaml';
import { fetchFromPod } from '../k8s/port-forward.ts';
import { CliError } from './errors.ts';
import { connect, type GlobalFlags, globalFlags } from './kube.ts';
import { findPod } from './pods.ts';
import { camelCase } from './proxy-config/camel-case.ts';
import { clusterTable, filterClusters } from './proxy-config/clusters.ts';
import { type ConfigDump, type Json, readDump } from './proxy-config/dump.ts';
import { endpointsOfDump, endpointsOfStatus, endpointTable, filterEndpoints } from './proxy-config/endpoints.ts';
import { filterListeners, listenerTable } from './proxy-config/listeners.ts';
import { DEFAULT_LEVEL, logLevels, logRequests } from './proxy-config/log-levels.ts';
import { filterRoutes, routeTable } from './proxy-config/routes.ts';
import { secretTable } from './proxy-config/secrets.ts';
import { table } from './proxy-config/table.ts';

interface Flags extends GlobalFlags {
  readonly output: string;
  readonly file?: string;
  readonly proxyAdminPort: string;
  readonly fqdn?: string;
  readonly port?: string;
  readonly subset?: string;
  readonly direction?: string;
  readonly address?: string;
  readonly type?: string;
  readonly name?: string;
  readonly cluster?: string;
  readonly status?: string;
  readonly verbose?: boolean;
}

interface Source {
  readonly dump: ConfigDump;
  /** Answer of `/clusters`; absent for files. */
  readonly status: Json | undefined;
}

/** What one subcommand shows: the resources as data, and as a table. */
interface View {
  readonly data: unknown;
  readonly text: () => string;
}

type Show = (source: Source, flags: Flags) => View;

const VIEWS: Readonly<Record<string, { aliases: string[]; about: string; show: Show }>> = {
  cluster: { aliases: ['clusters', 'c'], about: 'what it can send traffic to', show: showClusters },
  listener: { aliases: ['listeners', 'l'], about: 'where it takes traffic', show: showListeners },
  route: { aliases: ['routes', 'r'], about: 'virtual hosts and routes', show: showRoutes },
  endpoint: { aliases: ['endpoints', 'ep'], about: 'hosts behind its clusters', show: showEndpoints },
  secret: { aliases: ['secrets', 's'], about: 'its certificates', show: showSecrets },
  bootstrap: { aliases: ['b'], about: 'what it was started with', show: showBootstrap },
  all: { aliases: ['a'], about: 'clusters, listeners, routes, endpoints and secrets', show: showAll },
};

/** The command. */
export function proxyConfigCommand(): Command {
  const command = new Command('proxy-config').alias('pc').description('configuration of one proxy');
  for (const [name, { aliases, about, show }] of Object.entries(VIEWS)) {
    command.addCommand(
      new Command(name)
        .aliases(aliases)
        .description(about)
        .argument('[pod]', 'pod, pod.namespace or deployment/name')
        .option('-o, --output <format>', 'short, json or yaml', 'short')
        .option('-f, --file <dump>', 'a config dump instead of a pod (- is stdin)')
        .option('--proxy-admin-port <port>', "port of Envoy's admin interface", '15000')
        .option('--fqdn <host>', 'clusters of this service')
        .option('--port <port>', 'of this port')
        .option('--subset <name>', 'clusters of this subset')
        .option('--direction <direction>', 'inbound or outbound clusters')
        .option('--address <address>', 'listeners or endpoints at this address')
        .option('--type <type>', 'listeners of this type (HTTP, TCP, …)')
        .option('--name <name>', 'the route table of this name')
        .option('--cluster <name>', 'endpoints of this cluster')
        .option('--status <status>', 'endpoints with this health')
        .option(
          '--verbose [boolean]',
          'one line a match (default) or, when false, one a listener or route table',
          (text: string) => text !== 'false',
          true,
        )
        .action((pod: string | undefined, _: Flags, self: Command) => run(pod, self, show)),
    );
  }
  return command.addCommand(logCommand());
}

/** `proxy-config log`: shows or changes the levels of Envoy's loggers, until the proxy is restarted. */
function logCommand(): Command {
  return new Command('log')
    .aliases(['o'])
    .description('levels of its loggers, and changing them')
    .argument('<pod>', 'pod, pod.namespace or deployment/name')
    .option('--level <levels>', 'new levels: debug, or http:debug,router:info')
    .option('-r, --reset', 'back to what proxies start with')
    .option('-o, --output <format>', 'short, json or yaml', 'short')
    .option('--proxy-admin-port <port>', "port of Envoy's admin interface", '15000')
    .action(async (pod: string, own: { level?: string; reset?: boolean }, self: Command) => {
      if (own.level !== undefined && own.reset) throw new CliError('either --level or --reset');
      const flags = { ...globalFlags(self), ...self.opts<Flags>() };
      const level = own.reset ? DEFAULT_LEVEL : own.level;
      const changes = level === undefined ? [] : logRequests(level);
      const ask = await podCaller(pod, flags);
      for (const path of changes) await ask(path, 'POST');
      const levels = logLevels(await ask('/logging', 'POST'));
      const text = () => table(['LOGGER', 'LEVEL'], Object.entries(levels));
      process.stdout.write(renderConfig({ data: levels, text }, flags.output));
    });
}

async function run(pod: string | undefined, command: Command, show: Show): Promise<void> {
  const flags = { ...globalFlags(command), ...command.opts<Flags>() };
  if (!pod === !flags.file) throw new CliError('name one pod, or a dump with --file');
  const source = flags.file ? await fromFile(flags.file) : await fromPod(pod!, flags);
  process.stdout.write(renderConfig(show(source, flags), flags.output));
}

/** A view in the format asked for. Throws CliError for one that does not exist. */
export function renderConfig(view: View, format: string): string {
  if (format === 'json') return `${JSON.stringify(camelCase(view.data), undefined, 4)}\n`;
  if (format === 'yaml') return stringify(camelCase(view.data));
  if (format !== 'short' && format !== 'table') throw new CliError(`-o ${format}: there are short, json and yaml`);
  return view.text();
}

async function fromFile(path: string): Promise<Source> {
  const text = await readFile(path === '-' ? '/dev/stdin' : path, 'utf8').catch((error: unknown) => {
    throw new CliError(`--file: ${(error as Error).message}`);
  });
  return { dump: dumpOf(text, path), status: undefined };
}

async function fromPod(pod: string, flags: Flags): Promise<Source> {
  const ask = await podCaller(pod, flags);
  const [dump, clusters] = await Promise.all([ask('/config_dump?include_eds'), ask('/clusters?format=json')]);
  return { dump: dumpOf(dump, pod), status: JSON.parse(clusters) as Json };
}

/** Calls Envoy's admin port in the pod that the command line means. */
async function podCaller(pod: string, flags: Flags): Promise<(path: string, method?: string) => Promise<string>> {
  using cluster = await connect(flags);
  const { namespace, name } = await findPod(cluster, pod, flags);
  const { access, context } = cluster;
  const port = numberOf(flags.proxyAdminPort);
  return (path, method) => fetchFromPod({ access, cluster: context, namespace, pod: name, port, path, method });
}

function dumpOf(text: string, place: string): ConfigDump {
  try {
    return readDump(text);
  } catch (error) {
    throw new CliError(`${place}: ${(error as Error).message}`);
  }
}

function showClusters({ dump }: Source, { fqdn, port, subset, direction }: Flags): View {
  const found = filterClusters(dump.clusters, { fqdn, port: numberOf(port), subset, direction });
  return { data: found, text: () => clusterTable(found) };
}

function showListeners({ dump }: Source, { address, port, type, verbose }: Flags): View {
  const found = filterListeners(dump.listeners, { address, port: numberOf(port), type });
  return { data: found, text: () => listenerTable(found, { short: verbose === false }) };
}

function showRoutes({ dump }: Source, { name, verbose }: Flags): View {
  const found = filterRoutes(dump.routes, { name });
  return { data: found, text: () => routeTable(found, { short: verbose === false }) };
}

function showEndpoints({ dump, status }: Source, { address, port, cluster, status: health }: Flags): View {
  const rows = status ? endpointsOfStatus(status) : endpointsOfDump(dump.endpoints, dump.clusters);
  const found = filterEndpoints(rows, { address, port: numberOf(port), cluster, status: health });
  return { data: found.map(({ cluster: name, raw }) => ({ cluster: name, ...raw })), text: () => endpointTable(found) };
}

function showSecrets({ dump }: Source): View {
  return { data: dump.secrets.map(({ secret }) => secret), text: () => secretTable(dump.secrets, Date.now()) };
}

function showBootstrap({ dump }: Source): View {
  if (!dump.bootstrap) throw new CliError('the dump has no bootstrap');
  return {
    data: { bootstrap: dump.bootstrap },
    text: () => `${JSON.stringify(camelCase({ bootstrap: dump.bootstrap }), undefined, 4)}\n`,
  };
}

function showAll(source: Source, flags: Flags): View {
  const parts = [showClusters, showListeners, showRoutes, showEndpoints, showSecrets].map((show) =>
    show(source, flags),
  );
  const names = ['clusters', 'listeners', 'routes', 'endpoints', 'secrets'];
  return {
    data: Object.fromEntries(parts.map(({ data }, index) => [names[index]!, data])),
    text: () => parts.map(({ text }) => text()).join('\n'),
  };
}

function numberOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new CliError(`"${text}" is not a port`);
  return value;
}
