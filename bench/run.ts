// `make bench`: the measurements of docs/performance.md. `node bench/run.ts --help` lists the flags.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { apiWorld } from './api-world.ts';
import { startFleet } from './fleet.ts';
import { KeptWorld } from './kept-world.ts';
import { FULL, meshObjects, type Sizes, SMALL } from './objects.ts';
import { churn, coldSync, idle, KINDS, reconnect, singleChanges } from './phases.ts';
import { resultLine, tableOf } from './report.ts';
import { cacheFile, recordFile, writeResults } from './results.ts';
import { bundles, type Measured, startOther, startServer, watchServer } from './server.ts';
import type { Result, Stage } from './stage.ts';
import { fileWorld, type World } from './world.ts';

const PHASES = [...KINDS.map(([name]) => name), 'churn 20/s', 'churn 200/s', 'reconnect storm', 'idle'];

const USAGE = `Usage: node bench/run.ts [flags]

  --quick                  100 services and 50 proxies, under 40 s
  --services 1000 --endpoints 10 --namespaces 20 --virtualservices 200 --destinationrules 200
  --clients 200            proxies for the changes
  --many 500               proxies for the large cold sync (0: leave it out)
  --sotw 200               proxies of the state-of-the-world round (0: leave it out)
  --growth                 also 4,000 services, and 1,000 and 2,000 proxies
  --repeats 20             changes of each kind
  --churn 30               seconds of churn at 20 changes a second, and a third of that at 200
  --only NAME,NAME         phases that follow the cold sync: ${PHASES.join(', ')}
  --address HOST:PORT      measure the control plane that serves xDS there after ours, with
  --start COMMAND          … how to start it, anew for each round (the command must become its process); repeatable, so that it
                           can be measured with other settings too; or
  --pid PID                … the process that runs already; it must read its objects from the
  --config-dir DIR         … directory given here, or from the cluster of
  --kubeconfig FILE [--context NAME]    objects in this cluster, which should be there for nothing else; it needs Istio's CRDs
  --json FILE              results, one a line (default: $XDG_CACHE_HOME/isthmus/bench/latest.jsonl)
  --record                 results to docs/performance, from which \`node bench/document.ts\` makes docs/performance.md
  --node-flag FLAG         for the control plane, repeatable (--node-flag=--cpu-prof)
  --keep                   keep the scratch directory with objects and logs
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h' },
    quick: { type: 'boolean', default: false },
    services: { type: 'string' },
    endpoints: { type: 'string' },
    namespaces: { type: 'string' },
    virtualservices: { type: 'string' },
    destinationrules: { type: 'string' },
    clients: { type: 'string' },
    many: { type: 'string' },
    sotw: { type: 'string' },
    growth: { type: 'boolean', default: false },
    repeats: { type: 'string' },
    churn: { type: 'string' },
    only: { type: 'string' },
    address: { type: 'string' },
    start: { type: 'string', multiple: true },
    pid: { type: 'string' },
    'config-dir': { type: 'string' },
    kubeconfig: { type: 'string' },
    context: { type: 'string' },
    json: { type: 'string' },
    record: { type: 'boolean', default: false },
    'node-flag': { type: 'string', multiple: true },
    keep: { type: 'boolean', default: false },
  },
});

const number = (text: string | undefined, otherwise: number): number => (text === undefined ? otherwise : Number(text));

const { quick } = values;
const base = quick ? SMALL : FULL;
const sizes: Sizes = {
  services: number(values.services, base.services),
  endpoints: number(values.endpoints, base.endpoints),
  namespaces: number(values.namespaces, base.namespaces),
  virtualServices: number(values.virtualservices, base.virtualServices),
  destinationRules: number(values.destinationrules, base.destinationRules),
};
const clients = number(values.clients, quick ? 50 : 200);
const many = number(values.many, quick || values.kubeconfig || values.address ? 0 : 500);
const sotw = number(values.sotw, quick || values.kubeconfig || values.address ? 0 : 200);
const repeats = number(values.repeats, quick ? 5 : 20);
const churnSeconds = number(values.churn, quick ? 3 : 30);
// Another control plane gives secrets only to proxies that have proved who they are.
const wanted = values.only?.split(',') ?? PHASES.filter((name) => !values.address || name !== 'Secret change');
const unknown = wanted.filter((name) => !PHASES.includes(name));
if (unknown.length > 0) throw new Error(`--only ${unknown.join(',')}: there are ${PHASES.join(', ')}`);
const { kubeconfig, context } = values;
if (values.address && !values.start && !values.pid) throw new Error('--address needs --start or --pid');

export interface Round {
  readonly name: string;
  readonly sizes: Sizes;
  readonly results: readonly Result[];
}

/** The name of the other control plane's rounds. */
const OTHER = 'the other control plane';
type Other = (directory: string) => Promise<Measured>;

const rounds: Round[] = [];
const kept = kubeconfig ? new KeptWorld(() => apiWorld(kubeconfig, context)) : undefined;
const scratch = mkdtempSync(join(tmpdir(), 'isthmus-bench-'));

/** Objects, a fresh control plane and fresh proxies for each round. */
async function round(
  name: string,
  of: { sizes: Sizes; clients: number; other?: Other },
  play: (stage: Stage, add: (result: Result) => void) => Promise<void>,
): Promise<void> {
  const directory = join(scratch, name.replaceAll(/[^a-z0-9]+/gi, '-'));
  mkdirSync(directory);
  const configDir = (of.other && values['config-dir']) || join(directory, 'config');
  mkdirSync(configDir, { recursive: true });
  const world = kept ? await kept.of(of.sizes) : await fileObjects(configDir, of.sizes);
  const results: Result[] = [];
  const add = (result: Result): void => {
    results.push(result);
    console.log(resultLine(result));
  };
  console.log(`\n${name}: ${of.sizes.services} services, ${of.clients} proxies`);
  if (!of.other) await bundles();
  const begun = performance.now();
  const server: Measured = of.other
    ? await of.other(directory)
    : await startServer({
        objects: kubeconfig ? { kubeconfig, context } : { configDir },
        scratch: directory,
        nodeFlags: values['node-flag'],
      });
  add({
    phase: 'start',
    clients: 0,
    wallMs: performance.now() - begun,
    cpuSeconds: server.cpu(),
    ...server.memory(),
  });
  using fleet = startFleet();
  try {
    await play({ world, server, fleet, sizes: of.sizes, clients: of.clients }, add);
  } finally {
    await server.stop();
    await world.clean();
  }
  rounds.push({ name, sizes: of.sizes, results });
}

async function fileObjects(directory: string, of: Sizes): Promise<World> {
  const world = fileWorld(directory);
  for (const part of meshObjects(of)) await world.put(part);
  return world;
}

/** The other control planes: each is started or found when its round begins. */
function others(): Other[] {
  const { address, start, pid } = values;
  if (!address) return [];
  if (!start) return [() => watchServer(address, Number(pid))];
  return start.map((command) => (directory: string) => startOther(address, command, directory));
}

async function main(): Promise<void> {
  // Another control plane beside ours has its turn with the same objects, alone on the machine's cores.
  const [other, ...more] = others();
  await changes('changes');
  if (other) await changes(OTHER, other);
  for (const [i, one] of more.entries()) await changes(`${OTHER} ${i + 2}`, one);
  if (many > 0) await manyProxies('many proxies');
  if (many > 0 && other) await manyProxies(`${OTHER}, many proxies`, other);
  if (sotw > 0) await stateOfTheWorld();
  if (values.growth) await growth();
}

async function changes(name: string, other?: Other): Promise<void> {
  await round(name, { sizes, clients, other }, async (stage, add) => {
    add(await coldSync(stage));
    for (const result of await singleChanges(stage, repeats, wanted)) add(result);
    if (wanted.includes('churn 20/s')) add(await churn(stage, 20, churnSeconds));
    if (wanted.includes('churn 200/s')) add(await churn(stage, 200, Math.ceil(churnSeconds / 3)));
    if (wanted.includes('reconnect storm')) add(await reconnect(stage));
    if (wanted.includes('idle')) add(await idle(stage, quick ? 2 : 10));
  });
}

async function manyProxies(name: string, other?: Other): Promise<void> {
  await round(name, { sizes, clients: many, other }, async (stage, add) => {
    add(await coldSync(stage));
    add(await idle(stage, 10));
    for (const result of await singleChanges(stage, 5, ['endpoint change', 'VirtualService change'])) add(result);
    add(await reconnect(stage));
  });
}

async function stateOfTheWorld(): Promise<void> {
  await round('state of the world', { sizes, clients: sotw }, async (stage, add) => {
    add(await coldSync(stage, 'cold sync', 'sotw'));
    const kinds = ['endpoint change', 'VirtualService change', 'DestinationRule change'];
    for (const result of await singleChanges(stage, 5, kinds)) add(result);
  });
}

/** How costs grow with the mesh. */
async function growth(): Promise<void> {
  const kinds = ['endpoint change', 'VirtualService change'];
  await round('4,000 services', { sizes: { ...sizes, services: 4000 }, clients }, async (stage, add) => {
    add(await coldSync(stage));
    for (const result of await singleChanges(stage, repeats, kinds)) add(result);
  });
  for (const proxies of [1000, 2000]) {
    await round(`${proxies} proxies`, { sizes, clients: proxies }, async (stage, add) => {
      add(await coldSync(stage));
      for (const result of await singleChanges(stage, repeats, kinds)) add(result);
      add(await idle(stage, 5));
    });
  }
}

// What is to be done when this process ends is done then too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

if (values.help) {
  process.stdout.write(USAGE);
} else {
  try {
    await main();
  } finally {
    await kept?.clean();
    if (values.keep) console.log(`kept ${scratch}`);
    else rmSync(scratch, { recursive: true, force: true });
  }
  const record = values.address ? 'beside' : values.kubeconfig ? 'kubernetes' : quick ? 'small' : 'mesh';
  const file = values.json ?? (values.record ? recordFile(record) : cacheFile('latest'));
  const lines = rounds.flatMap(({ name, sizes, results }) =>
    results.map((result) => ({ round: name, sizes, ...result })),
  );
  writeResults(file, lines);
  console.log(`\n${tableOf(rounds)}\nresults: ${file}`);
}
