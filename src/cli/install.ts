// `istioctl install`: brings a cluster to what IstioOperator documents and flags ask for.
import { Command, Option } from 'commander';
import { withDefaultRevision } from '../install/cluster/default-revision.ts';
import { install } from '../install/cluster/install.ts';
import { preflight } from '../install/cluster/preflight.ts';
import { renamed } from '../install/cluster/renamed.ts';
import { textAt } from '../install/json.ts';
import { confirm } from './confirm.ts';
import { parseDuration } from './duration.ts';
import { CliError } from './errors.ts';
import { render, type SpecFlags, wanted, withSpecFlags } from './inputs.ts';
import { connect, globalFlags } from './kube.ts';
import { createProgress, titles } from './progress.ts';

interface InstallFlags extends SpecFlags {
  readonly skipConfirmation?: boolean;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly readinessTimeout: number;
  readonly verify: boolean;
}

/** The command; `apply` and `upgrade` do the same, as every run brings the cluster to what is asked for. */
export function installCommand(): Command {
  return withSpecFlags(new Command('install').aliases(['apply', 'upgrade']))
    .description('install the mesh, or change an installation to what the documents and flags say')
    .option('-y, --skip-confirmation', 'do not ask')
    .option('--dry-run', 'let the API server check everything and change nothing')
    .option('--force', 'go on although something speaks against it (an installation by another product)')
    .option('--verify', 'wait until the control plane serves webhooks and remote clusters', true)
    .option('--no-verify', 'do not wait for that')
    .addOption(
      new Option('--readiness-timeout <duration>', 'how long each component may take to become ready')
        .argParser(parseDuration)
        .default(300_000, '5m'),
    )
    .allowExcessArguments(false)
    .action(run);
}

async function run(flags: InstallFlags, command: Command): Promise<void> {
  const global = globalFlags(command);
  const asked = await wanted(flags, global.istioNamespace);
  const profile = textAt(asked.installation.spec, 'profile', 'default');
  if (asked.components.length === 0) {
    throw new CliError(
      `nothing is enabled in this configuration (profile ${profile}); choose a profile or enable components`,
    );
  }
  using cluster = await connect(global);
  const { api } = cluster;
  const installation = await withDefaultRevision({ api, installation: asked.installation });
  const becomesDefault = installation !== asked.installation;
  const components = becomesDefault ? await render(installation) : asked.components;
  const names = components.map(({ name }) => name);
  // An unreachable cluster and missing rights are told below, with what to do.
  for (const change of await renamed({ api, components }).catch(() => [])) console.error(`Warning: ${change}`);
  const question = `This will install the profile "${profile}" (${titles(names)}) into the cluster of context ${cluster.context}.`;
  if (!flags.dryRun && !flags.skipConfirmation && !(await confirm(question, 'install'))) {
    console.error('Cancelled; nothing was changed.');
    process.exitCode = 1;
    return;
  }
  const obstacles = await preflight({ api, installation, components });
  if (obstacles.length > 0 && !flags.force) {
    const listed = obstacles.map((obstacle) => `  ${obstacle}`).join('\n');
    throw new CliError(`cluster ${cluster.context} cannot take this installation; nothing was changed:\n${listed}`);
  }
  const progress = createProgress(process.stdout, flags.dryRun ? 'checked (dry run)' : 'installed');
  try {
    const { report } = progress;
    await install({
      api,
      installation,
      components,
      report,
      readinessTimeoutMs: flags.readinessTimeout,
      dryRun: flags.dryRun,
      verify: flags.verify,
    });
  } finally {
    progress.stop();
  }
  if (becomesDefault)
    console.log(`✔ Revision ${installation.revision} is the default one of this cluster (istio-injection=enabled)`);
  console.log(flags.dryRun ? '✔ Dry run complete: the API server accepts everything' : '✔ Installation complete');
}
