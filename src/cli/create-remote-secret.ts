// `istioctl create-remote-secret`: prints the Secret by which a control plane in another cluster may read this one.
import { Command, Option } from 'commander';
import { stringify } from 'yaml';
import { readerCredential } from '../install/cluster/reader.ts';
import { READER } from '../install/objects/base.ts';
import { badClusterName, isLoopback, remoteSecret } from '../install/remote-secret.ts';
import { CliError } from './errors.ts';
import { connect, globalFlags } from './kube.ts';

interface Flags {
  readonly name?: string;
  readonly server?: string;
  readonly serviceAccount?: string;
  readonly secretName?: string;
}

/** The command. It writes only the Secret to stdout, so that it can be piped into `kubectl apply -f -`. */
export function createRemoteSecretCommand(): Command {
  return new Command('create-remote-secret')
    .description('print a Secret with credentials that let a control plane in another cluster read this cluster')
    .option('--name <name>', "the cluster's name in the mesh (default: the UID of namespace kube-system)")
    .option(
      '--server <url>',
      "address of this cluster's API server as the control plane reaches it (default: the kubeconfig's)",
    )
    .option('--service-account <name>', `account whose token is used (default: ${READER})`)
    .option('--secret-name <name>', "Secret with the account's token (default: one is made)")
    .addOption(new Option('--type <type>', 'what the Secret is for').choices(['remote']).default('remote'))
    .allowExcessArguments(false)
    .action(run);
}

async function run(flags: Flags, command: Command): Promise<void> {
  const global = globalFlags(command);
  const namespace = global.istioNamespace ?? global.namespace ?? 'istio-system';
  if (flags.server !== undefined && !/^https?:$/.test(URL.parse(flags.server)?.protocol ?? '')) {
    throw new CliError(`--server ${flags.server}: write it as https://host:port`);
  }
  using cluster = await connect(global);
  const { api, access, context } = cluster;
  const name = flags.name ?? (await clusterId(api));
  const bad = badClusterName(name);
  if (bad) throw new CliError(`--name: ${bad}`);
  const server = flags.server ?? access.server;
  if (isLoopback(server)) {
    console.error(
      `Warning: ${server} can be reached only from the machine it runs on. The control plane in the other cluster needs an ` +
        `address it can reach: run this again with --server https://<address of ${context}'s API server>:<port>.`,
    );
  }
  const account = flags.serviceAccount;
  const { token, ca, created } = await readerCredential({ api, namespace, account, secret: flags.secretName });
  for (const made of created) console.error(`Created ${made} in cluster ${context}.`);
  const secret = remoteSecret({ name, server, token, ca, namespace });
  process.stdout.write(
    `# This file is generated and holds credentials of cluster ${name}: keep it out of version control.\n${stringify(secret, { blockQuote: 'literal' })}`,
  );
}

async function clusterId(api: { request<T>(request: { path: string }): Promise<T> }): Promise<string> {
  const namespace = await api.request<{ metadata: { uid: string } }>({ path: '/api/v1/namespaces/kube-system' });
  return namespace.metadata.uid;
}
