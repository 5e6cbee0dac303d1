// The command line: global flags and the list of commands. Each command is a file of its own.
import { Command } from 'commander';
import { completionCommand } from './completion.ts';
import { createRemoteSecretCommand } from './create-remote-secret.ts';
import { demoCommand } from './demo/demo.ts';
import { installCommand } from './install.ts';
import { kubeInjectCommand } from './kube-inject.ts';
import { manifestCommand } from './manifest.ts';
import { profileCommand } from './profile.ts';
import { proxyConfigCommand } from './proxy-config.ts';
import { proxyStatusCommand } from './proxy-status.ts';
import { remoteClustersCommand } from './remote-clusters.ts';
import { uninstallCommand } from './uninstall.ts';
import { verifyInstallCommand } from './verify-install.ts';
import { versionCommand } from './version.ts';

/** Builds the program anew, so that tests can run it several times. `name` is what it was called as. */
export function createProgram(name: string): Command {
  const program = new Command(name)
    .description('Installs and inspects a service mesh that spans Kubernetes clusters.')
    .option('--context <name>', 'kubeconfig context: which cluster')
    .option('-c, --kubeconfig <file>', 'kubeconfig file')
    .option('-n, --namespace <name>', 'namespace to work in')
    .option('-i, --istioNamespace <name>', 'namespace of the mesh (default: istio-system)')
    .showSuggestionAfterError(true)
    .showHelpAfterError(`(${name} --help shows what there is)`)
    .configureHelp({ showGlobalOptions: true, sortSubcommands: true })
    .exitOverride();
  const commands = [
    completionCommand(),
    createRemoteSecretCommand(),
    demoCommand(),
    installCommand(),
    kubeInjectCommand(),
    manifestCommand(),
    profileCommand(),
    proxyConfigCommand(),
    proxyStatusCommand(),
    remoteClustersCommand(),
    uninstallCommand(),
    verifyInstallCommand(),
    versionCommand(),
    experimentalCommand(),
  ];
  for (const command of commands) {
    inheritAll(command, program);
    program.addCommand(command);
  }
  if (name === 'isthmus') program.addHelpText('after', PARTS);
  return program;
}

/** Parts that `isthmus` starts as processes of their own, which the list of commands therefore does not have. */
const PARTS = `
Processes (each has --help):
  isthmus control                  the control plane, in a cluster or from YAML files (--config-dir)
  isthmus lab                      real Kubernetes clusters on this machine
`;

/** `istioctl x …`: where commands lived before they were promoted. */
function experimentalCommand(): Command {
  return new Command('experimental')
    .alias('x')
    .description('earlier spellings of commands')
    .addCommand(createRemoteSecretCommand())
    .addCommand(kubeInjectCommand());
}

/** addCommand does not copy settings as command() does; without them a subcommand would exit the process itself. */
function inheritAll(command: Command, from: Command): void {
  command.copyInheritedSettings(from);
  for (const child of command.commands) inheritAll(child as Command, command);
}
