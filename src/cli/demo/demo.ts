// `isthmus demo`: two clusters, the guide's own commands, helloworld in both, and a picture of what came out.
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { picture } from './picture.ts';
import { CommandFailed, Runner } from './runner.ts';
import { type Block, parseScript } from './script.ts';

const root = join(import.meta.dirname, '../../..');
const isthmus = join(root, 'bin/isthmus');

export interface DemoOptions {
  /** Contexts of two clusters that exist; without them a lab is made. */
  readonly contexts?: string;
  readonly kubeconfig?: string;
  /** Name of the lab. */
  readonly name: string;
  /** Image hub and tag for clusters of the user's own, whose nodes cannot be given images directly. */
  readonly hub?: string;
  readonly tag?: string;
  readonly log?: string;
}

/** The command, with `demo down` beside it. */
export function demoCommand(): Command {
  const command = new Command('demo')
    .description('Bring up the primary-remote mesh with helloworld in both clusters')
    .option('--contexts <a,b>', 'use these two clusters of the kubeconfig instead of a lab')
    .option('--kubeconfig <file>', 'kubeconfig that holds the contexts')
    .option('--name <name>', 'name of the lab', 'demo')
    .option('--hub <hub>', 'image hub, for clusters of your own')
    .option('--tag <tag>', 'image tag, for clusters of your own')
    .option('--log <file>', 'where everything that the commands print is kept')
    .action(async (options: DemoOptions) => {
      try {
        await demo(options);
      } catch (error) {
        // A failed step has been shown where it happened; anything else has not.
        if (!(error instanceof CommandFailed)) console.error(error instanceof Error ? error.message : error);
        process.exitCode = 1;
      }
    });
  command
    .command('down')
    .description('Take the lab of the demo down, leaving nothing behind')
    .action(async (_options: unknown, self: Command) => {
      const { name } = self.optsWithGlobals<DemoOptions>();
      const run = new Runner(logPath({ name: `${name}-down` }));
      await run
        .step(`Take down the lab ${name}`, () => run.command([isthmus, 'lab', 'down', '--name', name], { show: true }))
        .catch(() => {
          process.exitCode = 1;
        });
    });
  return command;
}

function logPath(options: { readonly name: string; readonly log?: string }): string {
  const cache = process.env.ISTHMUS_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'isthmus');
  return options.log ?? join(cache, 'log', `${options.name}.log`);
}

/**
 * Runs the demo. Every step can be run again, so a second call resumes where the first failed.
 * @throws CommandFailed after the failed step has been shown.
 */
export async function demo(options: DemoOptions): Promise<void> {
  const run = new Runner(logPath(options));
  const clusters = options.contexts ? await ownClusters(run, options) : await lab(run, options.name);
  const scratch = mkdtempSync(join(tmpdir(), 'isthmus-demo-'));
  try {
    symlinkSync(join(root, 'samples'), join(scratch, 'samples'));
    const env = {
      KUBECONFIG: clusters.kubeconfig,
      CTX_CLUSTER1: clusters.contexts[0],
      CTX_CLUSTER2: clusters.contexts[1],
      PATH: [join(root, 'bin'), ...clusters.path, process.env.PATH].join(':'),
    };
    for (const file of ['guide.sh', 'verify.sh']) {
      for (const block of parseScript(readFileSync(join(root, 'samples/primary-remote', file), 'utf8'))) {
        await run.step(block.title, () => runBlock(run, withImages(block, options), { cwd: scratch, env }));
      }
    }
    const seen = await run.step('Call helloworld from both clusters', () => observe(run, clusters, env));
    run.say();
    run.say(picture(seen));
    run.say();
    run.say(
      `The mesh is up after ${run.elapsed.toFixed(0)} s. ${options.contexts ? '' : 'make demo-down removes it.'}`,
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

interface Clusters {
  readonly kubeconfig: string;
  readonly contexts: readonly [string, string];
  /** Folders to put on PATH, for a kubectl that the machine lacks. */
  readonly path: readonly string[];
}

async function ownClusters(run: Runner, options: DemoOptions): Promise<Clusters> {
  const [one, two, ...more] = (options.contexts ?? '').split(',').map((s) => s.trim());
  if (!one || !two || more.length > 0 || one === two)
    throw new Error(`--contexts takes two different contexts, as in --contexts east,west; got '${options.contexts}'`);
  const kubeconfig = options.kubeconfig ?? process.env.KUBECONFIG ?? join(homedir(), '.kube/config');
  if (!existsSync(kubeconfig.split(':')[0]!))
    throw new Error(`no kubeconfig at ${kubeconfig}; name one with --kubeconfig`);
  // Before anything is installed: a mistyped context must not leave half a mesh in the other cluster.
  await run.step('Reach both clusters', async () => {
    const ask = (context: string) => ['kubectl', `--context=${context}`, 'get', 'namespace', 'kube-system', '-o'];
    const env = { KUBECONFIG: kubeconfig };
    const ids: string[] = [];
    for (const context of [one, two])
      ids.push(await run.command([...ask(context), 'jsonpath={.metadata.uid}'], { env }));
    if (ids[0] === ids[1]) throw new Error(`the contexts ${one} and ${two} lead to the same cluster; name two`);
  });
  return { kubeconfig, contexts: [one, two], path: [] };
}

/** Builds what is missing, starts the lab and gives it the images. What does not wait for each other runs side by side. */
async function lab(run: Runner, name: string): Promise<Clusters> {
  await run.step('Install what the lab needs', () => run.command([isthmus, 'lab', 'deps'], { show: true }));
  // The images need those packages, but not Kubernetes, which takes the longest.
  const images = run.command([process.execPath, join(root, 'images/build.ts')]);
  images.catch(() => undefined);
  await run.step('Build Kubernetes (kept for the next time)', () =>
    run.command([isthmus, 'lab', 'build'], { show: true }),
  );
  await run.step(`Start two clusters (lab ${name})`, () =>
    run.command([isthmus, 'lab', 'up', '--name', name, '--clusters', '2'], { show: true }),
  );
  const archives = await run.step('Build the images', async () => {
    const table = await images;
    for (const line of table.trimEnd().split('\n')) run.say(`         ${line}`);
    return table
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/\s+/).at(-1) ?? '');
  });
  const loaded = await run.step('Load the images into both clusters', () =>
    run.command([isthmus, 'lab', 'load-image', '--name', name, ...archives], { show: true, errors: true }),
  );
  const kubeconfig = (await run.command([isthmus, 'lab', 'kubeconfig', '--name', name])).trim();
  const clusters: Clusters = { kubeconfig, contexts: ['cluster1', 'cluster2'], path: await kubectlPath(run) };
  if (loaded.includes('imported into')) await restart(run, clusters);
  return clusters;
}

/**
 * In a lab that ran before, what was started from the images before these. Their names are the same, so nothing else
 * would notice.
 */
async function restart(run: Runner, { kubeconfig, contexts, path }: Clusters): Promise<void> {
  const env = { KUBECONFIG: kubeconfig, PATH: [...path, process.env.PATH].join(':') };
  const found = await Promise.all(
    contexts.flatMap((context) =>
      ['istio-system', 'sample'].map(async (namespace) => {
        const kubectl = ['kubectl', `--context=${context}`, '-n', namespace];
        const names = await run.command([...kubectl, 'get', 'deployments', '-o', 'name'], { env });
        return [...kubectl, 'rollout', 'restart', ...names.split(/\s+/).filter((word) => word.includes('/'))];
      }),
    ),
  );
  const old = found.filter((command) => command.at(-1)?.includes('/'));
  if (old.length === 0) return;
  await run.step('Restart what runs from older images', async () => {
    for (const command of old) await run.command(command, { env });
  });
}

/** The folder of a kubectl built from the lab's own modules, when the machine has none. */
async function kubectlPath(run: Runner): Promise<string[]> {
  const present = await run.command(['sh', '-c', 'command -v kubectl || true']);
  if (present.trim()) return [];
  const built = await run.step('Build kubectl', () => run.command([isthmus, 'lab', 'build', '--kubectl']));
  return [dirname(built.trim().split('\n').at(-1) ?? '')];
}

interface Place {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Runs one block of the guide on a terminal, as its reader does; what it exports is there for the next block. */
async function runBlock(run: Runner, block: Block, { cwd, env }: Place): Promise<void> {
  for (const line of block.commands.split('\n')) run.say(`         $ ${line}`);
  writeFileSync(
    join(cwd, 'block.sh'),
    `set -euo pipefail\n[ ! -f exported.sh ] || . ./exported.sh\n${block.commands}\n` +
      `declare -px | grep -E '^declare -x (DISCOVERY_|CTX_)' > exported.sh || true\n`,
  );
  await run.command(['bash', 'block.sh'], { cwd, env, terminal: true, show: true });
}

function withImages(block: Block, { hub, tag }: DemoOptions): Block {
  const flags = [hub ? ` --set hub=${hub}` : '', tag ? ` --set tag=${tag}` : ''].join('');
  return flags ? { ...block, commands: block.commands.replaceAll(' install ', ` install${flags} `) } : block;
}

async function observe(run: Runner, clusters: Clusters, env: Place['env']) {
  const call = (context: string, path: string, times: number) =>
    run.command(
      [
        'kubectl',
        `--context=${context}`,
        'exec',
        '-n',
        'sample',
        'deploy/sleep',
        '-c',
        'sleep',
        '--',
        'sh',
        '-c',
        `for i in $(seq ${times}); do curl -sS -m 5 helloworld.sample:5000${path}; done`,
      ],
      { env },
    );
  const answers = [];
  for (const context of clusters.contexts) answers.push(await untilBothAnswer(() => call(context, '/hello', 20)));
  const headers = await call(clusters.contexts[1], '/headers', 6);
  return {
    kubeconfig: clusters.kubeconfig,
    contexts: clusters.contexts,
    gatewayAddress: (
      await run.command(
        [
          'kubectl',
          `--context=${clusters.contexts[0]}`,
          '-n',
          'istio-system',
          'get',
          'svc',
          'istio-eastwestgateway',
          '-o',
          'jsonpath={.status.loadBalancer.ingress[0].ip}',
        ],
        { env },
      )
    ).trim(),
    proxyStatus: await run.command(['istioctl', `--context=${clusters.contexts[0]}`, 'proxy-status'], { env }),
    answers: [answers[0]!, answers[1]!] as const,
    identity:
      /spiffe:\/\/[^\s;",]*\/sa\/sleep/.exec(headers)?.[0] ?? 'none (the request carried no client certificate)',
  };
}

/** Counts answers by version; asks again for a while, since endpoints of a pod that became ready a moment ago travel. */
async function untilBothAnswer(ask: () => Promise<string>): Promise<Record<string, number>> {
  for (let attempt = 1; ; attempt++) {
    const text = await ask();
    const counts: Record<string, number> = {};
    for (const [, version = ''] of text.matchAll(/Hello version: (\S+),/g))
      counts[version] = (counts[version] ?? 0) + 1;
    if (Object.keys(counts).length >= 2) return counts;
    if (attempt === 10)
      throw new Error(
        `only ${Object.keys(counts).join(', ') || 'no version'} answered; last output:\n${text.slice(-600)}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
