// `istioctl uninstall`: takes a revision, or everything, out of a cluster.
import { Command } from 'commander';
import { dependentPods, planUninstall, uninstall } from '../install/cluster/uninstall.ts';
import { nameOf } from '../k8s/apply.ts';
import { confirm } from './confirm.ts';
import { CliError } from './errors.ts';
import { connect, globalFlags } from './kube.ts';

interface UninstallFlags {
  readonly revision?: string;
  readonly purge?: boolean;
  readonly skipConfirmation?: boolean;
  readonly dryRun?: boolean;
}

/** The command. */
export function uninstallCommand(): Command {
  return new Command('uninstall')
    .description('remove a revision of the mesh, or with --purge everything that was installed')
    .option(
      '-r, --revision <name>',
      "remove this revision ('default' is the one without a name), keep what revisions share",
    )
    .option('--purge', 'remove everything, the API types and with them all configuration of the mesh included')
    .option('-y, --skip-confirmation', 'do not ask')
    .option('--dry-run', 'only say what would be removed')
    .allowExcessArguments(false)
    .action(run);
}

async function run(flags: UninstallFlags, command: Command): Promise<void> {
  if ((flags.revision === undefined) === !flags.purge) {
    throw new CliError('say what to remove: either --revision <name> or --purge');
  }
  using cluster = await connect(globalFlags(command));
  const { api, context } = cluster;
  const revision = flags.purge ? undefined : flags.revision === 'default' ? '' : flags.revision;
  const objects = await planUninstall({ api, revision });
  if (objects.length === 0) {
    const what = flags.purge ? 'nothing of this mesh' : `no revision ${flags.revision}`;
    console.log(`There is ${what} in cluster ${context}.`);
    return;
  }
  if (flags.dryRun) {
    for (const object of objects) console.log(`Would remove ${nameOf(object)}`);
    return;
  }
  const dependent = await dependentPods({ api, revision });
  if (dependent.length > 0) {
    const some = `${dependent.slice(0, 3).join(', ')}${dependent.length > 3 ? ', …' : ''}`;
    console.error(
      `Warning: ${dependent.length === 1 ? '1 pod still has a proxy' : `${dependent.length} pods still have proxies`} of it ` +
        'and will get neither configuration nor certificates any more: ' +
        `${some}. Label their namespaces for another revision and restart them first.`,
    );
  }
  const what = flags.purge
    ? 'everything of the mesh, its API types and configuration included,'
    : `revision ${flags.revision}`;
  const question = `This will remove ${what} from the cluster of context ${context} (${objects.length} objects).`;
  if (!flags.skipConfirmation && !(await confirm(question, 'uninstall'))) {
    console.error('Cancelled; nothing was changed.');
    process.exitCode = 1;
    return;
  }
  await uninstall({ api }, objects, (name) => console.log(`  Removed ${name}.`));
  console.log('✔ Uninstall complete');
}
