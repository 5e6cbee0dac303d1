// `isthmus lab …`: real Kubernetes clusters on this machine.
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { labDown, labLoadImage, labPlan, labStatus, labUp, noSuchLab } from './api.ts';
import { labUnavailableReason, UNAVAILABLE_EXIT_CODE } from './available.ts';
import { buildBinaries, ensureProgram } from './build.ts';
import { imageArchive } from './image-archive.ts';
import { installPackages } from './packages.ts';
import { cacheDir, kubeconfigPath, labsDir } from './paths.ts';
import { createProgress } from './progress.ts';
import { tryRun } from './run.ts';
import { formatStatus } from './status.ts';

const USAGE_EXIT_CODE = 2;
/** As a shell reports a program that SIGINT ended. */
const INTERRUPTED_EXIT_CODE = 130;

const progress = createProgress({ write: (line) => process.stderr.write(line), now: () => performance.now() });
const abort = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());

const program = new Command('isthmus lab')
  .description('Real Kubernetes clusters on this machine, each in namespaces of its own')
  .showHelpAfterError()
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_EXIT_CODE));

const named = (name: string, description: string) =>
  program.command(name).description(description).option('--name <name>', 'name of the lab', 'lab');

named('up', 'bring the lab up, or complete what is missing of it')
  .option('--clusters <count>', 'number of clusters, 1 to 4', parseCount, 2)
  .option('--network <cidr>', 'range for nodes and LoadBalancer addresses')
  .option('--pod-cidr <cidr>', "range split between the clusters' pods")
  .option('--service-cidr <cidr>', "range split between the clusters' Services")
  .action(
    async (options: { name: string; clusters: number; network?: string; podCidr?: string; serviceCidr?: string }) => {
      requireLab();
      const plan = await labUp(options, { progress, signal: abort.signal });
      process.stdout.write(`export KUBECONFIG=${kubeconfigPath(plan.dir)}\n`);
    },
  );

named('down', 'remove the lab and everything that it made').action(async ({ name }: { name: string }) => {
  requireLab();
  await labDown(name, { progress, signal: abort.signal });
});

named('status', 'show what runs; exit code 1 unless all is healthy')
  .option('-o, --output <format>', 'text or json', 'text')
  .action(async ({ name, output }: { name: string; output: string }) => {
    const status = await labStatus(name);
    if (!status) throw new Error(noSuchLab(name, labsDir()));
    process.stdout.write(`${output === 'json' ? JSON.stringify(status, undefined, 2) : formatStatus(status)}\n`);
    if (!status.healthy) process.exitCode = 1;
  });

named('load-image', 'import images into the clusters')
  .argument('<image...>', 'tar files as "docker save" writes them, or names: isthmus/… is built from this checkout')
  .option('--clusters <names>', 'comma-separated clusters; all by default')
  .action(async (images: string[], { name, clusters }: { name: string; clusters?: string }) => {
    for (const image of images) {
      await progress.step(`load ${image}`, async () => {
        const file = await imageArchive(image, { progress, signal: abort.signal });
        const imported = await labLoadImage(name, file, { clusters: clusters?.split(','), signal: abort.signal });
        progress.note(imported.length > 0 ? `imported into ${imported.join(', ')}` : 'the clusters have it already');
      });
    }
  });

named('kubeconfig', "print the path of the lab's kubeconfig").action(({ name }: { name: string }) => {
  process.stdout.write(`${kubeconfigPath(labPlan(name).dir)}\n`);
});

program
  .command('deps')
  .description('install the Debian packages that the lab needs')
  .action(async () => {
    requireLab();
    await installPackages(progress, { log: join(cacheDir(), 'packages.log'), signal: abort.signal });
  });

program
  .command('build')
  .description('build the programs of the lab into the cache')
  .option('--kubectl', 'also build kubectl where the machine has one, and print its path')
  .action(async ({ kubectl }: { kubectl?: boolean }) => {
    await buildBinaries(progress, abort.signal);
    if (!kubectl && (await tryRun('kubectl', ['version', '--client']))) return;
    process.stdout.write(`${await ensureProgram('kubectl', progress, abort.signal)}\n`);
  });

try {
  await program.parseAsync();
} catch (error) {
  if (abort.signal.aborted) {
    process.stderr.write('isthmus lab: interrupted; the same command resumes\n');
    process.exitCode = INTERRUPTED_EXIT_CODE;
  } else {
    process.stderr.write(`isthmus lab: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}

function requireLab(): void {
  const reason = labUnavailableReason();
  if (!reason) return;
  process.stderr.write(`isthmus lab: ${reason}\n`);
  process.exit(UNAVAILABLE_EXIT_CODE);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count)) throw new InvalidArgumentError('Not a whole number.');
  return count;
}
