// `istioctl verify-install`: is everything of an installation there and working?
import { Command } from 'commander';
import { diagnose } from '../install/cluster/diagnose.ts';
import { withoutBundle } from '../install/cluster/joined.ts';
import { ownedObjects } from '../install/cluster/owned.ts';
import { missing } from '../install/cluster/wait.ts';
import { REVISION_LABEL } from '../install/installation.ts';
import type { Manifest } from '../install/json.ts';
import { nameOf, read } from '../k8s/apply.ts';
import type { ApiClient } from '../k8s/rest.ts';
import { CliError } from './errors.ts';
import { type SpecFlags, wanted, withSpecFlags } from './inputs.ts';
import { connect, globalFlags } from './kube.ts';

/** The command. With -f or --set it checks against what they ask for, else what is there. */
export function verifyInstallCommand(): Command {
  return withSpecFlags(new Command('verify-install'))
    .description('check that an installation is complete and working')
    .allowExcessArguments(false)
    .action(run);
}

async function run(flags: SpecFlags, command: Command): Promise<void> {
  const global = globalFlags(command);
  using cluster = await connect(global);
  const { api, context } = cluster;
  const described = (flags.filename?.length ?? 0) > 0 || (flags.set?.length ?? 0) > 0;
  const expected = described
    ? (await wanted(flags, global.istioNamespace)).components.flatMap(({ objects }) => objects)
    : await ownedObjects({ api, ...(flags.revision ? { labels: { [REVISION_LABEL]: flags.revision } } : {}) });
  if (expected.length === 0) {
    throw new CliError(`nothing of this mesh is installed in cluster ${context}; istioctl install installs it`);
  }
  let bad = 0;
  for (const object of expected) {
    const now = await read<Manifest>(api, object);
    const fault = faultOf(now);
    if (!fault) {
      if (object.kind !== 'CustomResourceDefinition') console.log(`✔ ${nameOf(object)}`);
      continue;
    }
    bad++;
    console.log(`✘ ${nameOf(object)}: ${fault}`);
    for (const line of await details(api, object)) console.log(`    ${line}`);
  }
  const crds = expected.filter(({ kind }) => kind === 'CustomResourceDefinition').length;
  console.log(
    `Checked ${crds} custom resource definitions and ${expected.length - crds} other objects in cluster ${context}.`,
  );
  if (bad > 0) throw new CliError(`${bad} of ${expected.length} objects are missing or do not work`);
  console.log('✔ The mesh is installed and verified');
}

/** What is wrong with an object as the server has it; undefined when nothing is. */
function faultOf(object: Manifest | undefined): string | undefined {
  if (!object) return 'it is missing';
  if (object.kind === 'Deployment' || object.kind === 'CustomResourceDefinition') return missing(object);
  if (!object.kind.endsWith('WebhookConfiguration')) return undefined;
  const bare = withoutBundle(object);
  if (bare === 0) return undefined;
  return `the control plane has not put its certificate authority into ${bare} of its webhooks yet`;
}

async function details(api: ApiClient, object: Manifest): Promise<string[]> {
  return object.kind === 'Deployment' ? (await diagnose({ api, object })).slice(1) : [];
}
