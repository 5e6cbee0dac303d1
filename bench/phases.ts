// The phases of a measurement, in the order in which they are played on one control plane.
import {
  authorizationPolicyChange,
  destinationRuleChange,
  endpointChange,
  newService,
  secretChange,
  virtualServiceChange,
} from './changes.ts';
import type { Opened } from './client.ts';
import type { Protocol } from './envoy.ts';
import { identities } from './proxies.ts';
import { quantiles } from './quantiles.ts';
import { meter, oneByOne, type Planned, pause, percentiles, type Result, type Stage, steadily } from './stage.ts';

export const ROUTERS = 2;
const MINUTES = 60_000;

/** All proxies connect at once and wait until they have everything. */
export async function coldSync(stage: Stage, phase = 'cold sync', protocol: Protocol = 'delta'): Promise<Result> {
  const { sizes, clients, server, fleet } = stage;
  const who = identities({ clients: clients - ROUTERS, routers: ROUTERS, sizes });
  const open = () =>
    fleet.ask({ do: 'open', address: server.address, protocol, identities: who, timeoutMs: 10 * MINUTES });
  return syncResult(stage, phase, await meter(stage, open));
}

/** All connections break and come back at once. */
export async function reconnect(stage: Stage): Promise<Result> {
  const { server, fleet } = stage;
  const reopen = () => fleet.ask({ do: 'reopen', address: server.address, timeoutMs: 10 * MINUTES });
  return syncResult(stage, 'reconnect storm', await meter(stage, reopen));
}

type Opening = Awaited<ReturnType<typeof meter<Opened>>>;

function syncResult({ clients }: Stage, phase: string, { value, reading }: Opening): Result {
  const wallMs = Math.max(...value.times);
  const { times, missing, failures } = value;
  return { phase, clients, ...reading, wallMs, ...percentiles(times), missing, failures, quantiles: quantiles(times) };
}

export async function idle(stage: Stage, seconds: number): Promise<Result> {
  const { reading } = await meter(stage, () => pause(seconds * 1000));
  return { phase: `idle ${seconds} s`, clients: stage.clients, ...reading };
}

type Kind = (stage: Stage, index: number) => Planned;

export const KINDS: readonly (readonly [phase: string, kind: Kind])[] = [
  ['endpoint change', endpointChange],
  ['VirtualService change', virtualServiceChange],
  ['DestinationRule change', destinationRuleChange],
  ['AuthorizationPolicy change', authorizationPolicyChange],
  ['Secret change', secretChange],
  ['new Service', newService],
];

/** Changes of each kind that are not counted: code is compiled and caches fill then. */
const WARM_UP = 5;

/** Changes one at a time. */
export async function singleChanges(stage: Stage, repeats: number, only?: readonly string[]): Promise<Result[]> {
  const results: Result[] = [];
  for (const [phase, kind] of KINDS) {
    if (only && !only.includes(phase)) continue;
    // Neighbours are often of one namespace; new Services are numbered.
    const stride = phase === 'new Service' ? 1 : 7;
    const changes = Array.from({ length: WARM_UP + repeats }, (_, i) => kind(stage, i * stride));
    await oneByOne(stage, phase, changes.slice(0, WARM_UP));
    results.push(await oneByOne(stage, phase, changes.slice(WARM_UP)));
  }
  return results;
}

/** Endpoint changes at a rate. */
export async function churn(stage: Stage, rate: number, seconds: number): Promise<Result> {
  const plan = Array.from({ length: rate * seconds }, (_, i) => endpointChange(stage, i * 7));
  return steadily(stage, `churn ${rate}/s for ${seconds} s`, rate, plan);
}
